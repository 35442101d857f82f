"""The search strategies, one per file, found by name: what asks for candidates and is told their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from msc.compiler.registry import choose, discover
from msc.search.evolution.objectives import Objective
from msc.search.genome import Genome
from msc.search.scoring.records import Record
from msc.search.skeleton import Skeleton


@dataclass(frozen=True)
class SearchProblem:
    """What is searched: a space on a skeleton, with `layers` layers, by objectives, from a seed."""

    space: str
    skeleton: Skeleton
    layers: int
    objectives: tuple[Objective, ...]
    population: int
    seed: int


class Search(Protocol):
    """A search under way. The same problem and the same records give the same candidates."""

    def ask(self) -> list[Genome]:
        """Draw the next generation's candidates, all connected; none where the space is exhausted."""
        ...

    def tell(self, records: Sequence[Record]) -> None:
        """Take in the records of the candidates asked for, in their order."""
        ...

    @property
    def population(self) -> tuple[int, ...]:
        """The survivors, as indices into all candidates ever told (0 is the first of generation 0)."""
        ...


class Strategy(Protocol):
    """One way to search."""

    @property
    def name(self) -> str:
        """What `--strategy` calls it."""
        ...

    def start(self, problem: SearchProblem) -> Search:
        """Start from nothing."""
        ...


@cache
def strategies() -> dict[str, Strategy]:
    """Find all strategies, by name."""
    found = (cast(Strategy, s) for s in discover("msc.search.evolution.strategies", "STRATEGY").values())
    return {strategy.name: strategy for strategy in sorted(found, key=lambda strategy: strategy.name)}


def find_strategy(name: str) -> Strategy:
    """Find a strategy by name; raises UnknownPartError naming those there are."""
    return strategies()[choose("strategy", name, tuple(strategies()))]
