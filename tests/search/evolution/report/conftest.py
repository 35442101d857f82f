"""What tests of the report share: fewer resamples, for intervals are most of a page's time."""

from __future__ import annotations

import pytest

from msc.search.evolution.report import association


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "RESAMPLES", 20)
