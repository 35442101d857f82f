"""Evolution: a genetic algorithm for one objective, NSGA-II for several.

Source: Pan et al., Multi-scale Evolutionary NAS for Deep SNNs (arXiv 2304.10749) and its released code;
Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II (IEEE TEVC 6(2), 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from msc.search.evolution.encoding import Encoding
from msc.search.evolution.standing import standing
from msc.search.evolution.strategies import SearchProblem
from msc.search.genome import Genome
from msc.search.scoring.records import Record


class Evolution:
    """An evolution under way: as many offspring as there are parents, and the best of both survive.

    Feasible networks survive and mate before infeasible ones, these by the least violation. No candidate has
    the network of a parent or of another candidate; where mating finds fewer, fewer are asked for.
    """

    def __init__(self, problem: SearchProblem) -> None:
        from msc.search.evolution.breeding import algorithm_for

        self._objectives = problem.objectives
        self._encoding = Encoding(problem)
        self._algorithm: Any = algorithm_for(problem, self._encoding)
        self._asked: Any = None
        self._told = 0

    def ask(self) -> list[Genome]:
        """Breed the next generation's candidates; none where mating finds no network but the parents'."""
        self._asked = self._algorithm.ask()
        return [] if self._asked is None else [self._encoding.genome(one.X) for one in self._asked]

    def tell(self, records: Sequence[Record]) -> None:
        """Let parents and candidates survive by their records."""
        if self._asked is None:
            return
        standings = [standing(record, self._objectives) for record in records]
        self._asked.set(
            "F",
            np.array([s.costs for s in standings]),
            "G",
            np.array([[s.violation] for s in standings]),
            "place",
            np.arange(self._told, self._told + len(records)),
        )
        self._told += len(records)
        self._algorithm.tell(infills=self._asked)

    @property
    def population(self) -> tuple[int, ...]:
        """The survivors, as indices into all candidates ever told."""
        return tuple(int(place) for place in self._algorithm.pop.get("place")) if self._told else ()


@dataclass(frozen=True)
class Evolve:
    """The strategy of MSE-NAS."""

    name: str = "evolve"

    def start(self, problem: SearchProblem) -> Evolution:
        """Start from random networks."""
        return Evolution(problem)


STRATEGY = Evolve()
