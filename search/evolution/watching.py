"""What a search tells those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from msc.search.scoring.records import Record


@dataclass(frozen=True)
class Generation:
    """One finished generation: `best` and `median` of the survivors' first objective, and its candidates.

    `infeasible` counts this generation's candidates by reason (a candidate may have several); `cached` those
    whose network had been scored before, `evaluated` those that were new.
    """

    number: int
    of: int
    best: float | None
    median: float | None
    feasible: int
    infeasible: Mapping[str, int]
    cached: int
    evaluated: int


class Watcher(Protocol):
    """Someone who watches a search; nothing they do changes it."""

    def note(self, text: str) -> None:
        """Take a remark: what was replayed, what was dropped."""
        ...

    def scored(self, record: Record, cached: bool, replayed: bool) -> None:
        """Take one candidate's record."""
        ...

    def generation(self, summary: Generation) -> None:
        """Take a finished generation."""
        ...

    def finalist(self, done: int, of: int) -> None:
        """Take one more finished evaluation of a finalist."""
        ...
