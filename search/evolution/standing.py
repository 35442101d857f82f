"""How the candidates of a strategy compare: feasible before infeasible, then by what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from msc.search.evolution.objectives import Objective
from msc.search.evolution.ranking import comparable
from msc.search.scoring.records import FAILED, Record

NO_VALUE = 1e300  # finite, since infinities make distances between costs not-a-number


@dataclass(frozen=True)
class Standing:
    """What is compared of a record: its violation (0: feasible) and a finite cost for each objective."""

    violation: float
    costs: tuple[float, ...]

    def dominates(self, other: Standing) -> bool:
        """Whether this one violates less, or both are feasible and it is nowhere worse, somewhere better."""
        if self.violation or other.violation:
            return self.violation < other.violation
        return self.costs != other.costs and all(
            mine <= its for mine, its in zip(self.costs, other.costs, strict=True)
        )


def standing(record: Record, objectives: Sequence[Objective]) -> Standing:
    """Rate a record; one without a finite cost in every objective never counts as feasible."""
    costs = tuple(objective.cost(record) for objective in objectives)
    violation = record.violation
    if record.feasible and not comparable(record, objectives):
        violation = FAILED
    return Standing(violation, tuple(cost if isfinite(cost) else NO_VALUE for cost in costs))
