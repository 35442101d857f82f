"""Toy searches: small skeletons, and records made of a network's graph alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from msc.ir.hashing import network_hash
from msc.ir.network import Network
from msc.ir.ops import Conv2d
from msc.search.evolution.objectives import Objective
from msc.search.evolution.strategies import Search, SearchProblem, find_strategy
from msc.search.generate import new_skeleton
from msc.search.genome import Genome
from msc.search.lower import lower
from msc.search.scoring.fitness import Better
from msc.search.scoring.records import Record
from msc.search.skeleton import Skeleton
from msc.search.spaces import Space, find_space

SPACES = ("mse-nas", "snasnet")
STRATEGIES = ("evolve", "random")
FEW, MANY = Objective("wide", Better.LOWER), Objective("wide", Better.HIGHER)
NARROW = Objective("narrow", Better.HIGHER)

Judge = Callable[[Genome], Record]


def skeleton_of(space: str, layers: int = 2) -> Skeleton:
    return new_skeleton(space, input_shape=(1, 8, 8), channels=2, layers=layers, classes=2, votes=1)


def problem_of(
    space: str,
    objectives: tuple[Objective, ...] = (MANY,),
    population: int = 8,
    seed: int = 0,
    layers: int = 2,
) -> SearchProblem:
    return SearchProblem(space, skeleton_of(space, layers), layers, objectives, population, seed)


def counts(network: Network) -> dict[str, float]:
    """Count the searched convolutions by kernel: 5x5 and 3x3 in mse-nas, 3x3 and 1x1 in cell 1 of snasnet."""
    names = [p.name for p in network.populations]
    snasnet = "cell1.n0" in names
    within = "cell1." if snasnet else "layer"
    kernels = [
        op.kernel[0]
        for p in network.projections
        for op in p.ops
        if isinstance(op, Conv2d) and p.target.startswith(within) and p.source != "input"
    ]
    wide, narrow = (3, 1) if snasnet else (5, 3)
    return {"wide": float(kernels.count(wide)), "narrow": float(kernels.count(narrow))}


lowered = lru_cache(10_000)(lower)


@lru_cache(10_000)
def judge(genome: Genome) -> Record:
    """Record the counts of a genome's network; as hash the network's own, which says the same here."""
    network = lowered(genome).network
    assert network is not None
    return Record(network_hash(network), 0, counts(network))


def start(strategy: str, problem: SearchProblem) -> Search:
    return find_strategy(strategy).start(problem)


def run(
    search: Search, generations: int, judged: Judge = judge
) -> tuple[list[list[Genome]], list[list[Record]]]:
    """Run a search; returns the candidates and the records by generation."""
    asked: list[list[Genome]] = []
    told: list[list[Record]] = []
    for _ in range(generations):
        candidates = search.ask()
        if not candidates:
            break
        asked.append(candidates)
        told.append([judged(genome) for genome in candidates])
        search.tell(told[-1])
    return asked, told


def flat(rows: list[list[Any]]) -> list[Any]:
    return [one for row in rows for one in row]


class Narrowed:
    """A space in which all genes but some keep one value: as few networks as a test wants."""

    def __init__(self, space: str, fixed: tuple[int, ...], free: dict[int, tuple[int, int]]) -> None:
        self._space: Space = find_space(space)
        self._bounds = tuple(free.get(i, (value, value)) for i, value in enumerate(fixed))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._space, name)

    def bounds(self, layers: int) -> tuple[tuple[int, int], ...]:
        return self._bounds

    def draw(self, rng: np.random.Generator, layers: int) -> Any:
        return self._space.decode(tuple(int(rng.integers(a, b + 1)) for a, b in self._bounds))
