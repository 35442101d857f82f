"""Lowers each toy genome once: asking, judging and checking need the same network."""

from __future__ import annotations

import pytest

from msc.search.evolution import encoding
from tests.search.evolution.strategies.toys import lowered


@pytest.fixture(autouse=True)
def _lowered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "lower", lowered)
