"""Random search: every candidate is drawn afresh.

Source: Kim et al., Neural Architecture Search for Spiking Neural Networks (arXiv 2201.10355): the best of
5,000 random cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from msc.search.evolution.encoding import Encoding
from msc.search.evolution.standing import Standing, standing
from msc.search.evolution.strategies import SearchProblem
from msc.search.genome import Genome
from msc.search.scoring.records import Record


@dataclass(frozen=True)
class _Told:
    """A network that was told: its place among all candidates, and how its record stands."""

    place: int
    standing: Standing

    @property
    def order(self) -> tuple[float, float, int]:
        return (self.standing.violation, self.standing.costs[0], self.place)


class RandomSearch:
    """A random search under way. Survivors: the best networks so far, each once, the front's first."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._encoding = Encoding(problem)
        self._rng = np.random.default_rng(problem.seed)
        self._told = 0
        self._hashes: set[str] = set()
        self._front: list[_Told] = []
        self._best: list[_Told] = []

    def ask(self) -> list[Genome]:
        """Draw as many networks as the population has members; equal ones may be among them."""
        size = self._problem.population
        return [self._encoding.genome(self._encoding.draw(self._rng)) for _ in range(size)]

    def tell(self, records: Sequence[Record]) -> None:
        """Keep the best, by violation, then the first objective's cost, then age."""
        for record in records:
            if record.hash not in self._hashes:
                self._hashes.add(record.hash)
                self._take(_Told(self._told, standing(record, self._problem.objectives)))
            self._told += 1
        self._best = sorted(self._best, key=lambda one: one.order)[: self._problem.population]

    def _take(self, new: _Told) -> None:
        self._best.append(new)
        if not any(one.standing.dominates(new.standing) for one in self._front):
            self._front = [one for one in self._front if not new.standing.dominates(one.standing)]
            self._front.append(new)

    @property
    def population(self) -> tuple[int, ...]:
        """The survivors, as indices into all candidates ever told."""
        front = sorted(self._front, key=lambda one: one.order)
        others = [one for one in self._best if one not in front]
        return tuple(one.place for one in (*front, *others))[: self._problem.population]


@dataclass(frozen=True)
class Random:
    """The strategy of SNASNet."""

    name: str = "random"

    def start(self, problem: SearchProblem) -> RandomSearch:
        """Start from nothing."""
        return RandomSearch(problem)


STRATEGY = Random()
