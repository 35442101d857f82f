"""Ranks networks by their records: the best by one objective, and those that no other beats in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from msc.search.evolution.objectives import Objective
from msc.search.genome import Genome
from msc.search.scoring.records import Record


@dataclass(frozen=True)
class Scored:
    """A network that was scored, in canonical form; `record` is of the weights of the search's seed."""

    genome: Genome
    record: Record


def comparable(record: Record, objectives: Sequence[Objective]) -> bool:
    """Whether a record takes part in comparisons: feasible, with a finite value of every objective."""
    return record.feasible and all(isfinite(objective.cost(record)) for objective in objectives)


def ranked(networks: Iterable[Scored], objectives: Sequence[Objective]) -> list[Scored]:
    """Sort the comparable networks by the first objective; of equal ones, the one given first leads."""
    found = [one for one in networks if comparable(one.record, objectives)]
    return sorted(found, key=lambda one: objectives[0].cost(one.record))


def non_dominated(networks: Iterable[Scored], objectives: Sequence[Objective]) -> list[Scored]:
    """Keep the comparable networks that no other equals or betters in every objective, sorted by the first.

    Of networks that are equal in every objective, the one given first is kept.
    """
    costs = [
        (tuple(objective.cost(one.record) for objective in objectives), one)
        for one in networks
        if comparable(one.record, objectives)
    ]
    kept: list[tuple[tuple[float, ...], Scored]] = []
    # What dominates a network has a lexicographically lower cost, or the same one and came first.
    for cost, one in sorted(costs, key=lambda pair: pair[0]):
        if not any(all(a <= b for a, b in zip(other, cost, strict=True)) for other, _ in kept):
            kept.append((cost, one))
    return [one for _, one in kept]
