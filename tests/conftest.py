"""What every test shares: one computing thread per process and reproducible property tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported
settings.register_profile(
    "msc", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("msc")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder, so that default output paths never land in the checkout."""
    monkeypatch.chdir(str(tmp_path))
