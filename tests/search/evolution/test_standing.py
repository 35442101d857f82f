"""How candidates compare: by hand, one line each."""

from __future__ import annotations

from math import inf, nan

import pytest

from msc.search.evolution.objectives import Objective
from msc.search.evolution.standing import NO_VALUE, Standing, standing
from msc.search.scoring.fitness import Better
from msc.search.scoring.records import FAILED, Record, Violation

LOW, HIGH = Objective("a", Better.LOWER), Objective("b", Better.HIGHER)


def test_a_feasible_record_stands_by_its_costs() -> None:
    assert standing(Record("h", 0, {"a": 2.0, "b": 3.0}), (LOW, HIGH)) == Standing(0, (2.0, -3.0))


@pytest.mark.parametrize("value", [None, nan, inf, -inf])
def test_a_record_without_a_value_is_not_feasible(value: float | None) -> None:
    assert standing(Record("h", 0, {"a": 2.0, "b": value}), (LOW, HIGH)) == Standing(FAILED, (2.0, NO_VALUE))
    assert standing(Record("h", 0, {"a": 2.0, "b": value}), (LOW,)) == Standing(0, (2.0,))


def test_an_infeasible_record_stands_by_its_violation() -> None:
    violations = (Violation("silent", 0.5, "A"), Violation("rank", 0.25, "B"))
    record = Record("h", 0, {"a": None}, violations=violations)
    assert standing(record, (LOW,)) == Standing(0.75, (NO_VALUE,))
    assert standing(Record("h", 0, failure="?"), (LOW,)) == Standing(FAILED, (NO_VALUE,))


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        (Standing(0, (1, 1)), Standing(0, (1, 2)), True),
        (Standing(0, (1, 2)), Standing(0, (1, 1)), False),
        (Standing(0, (1, 1)), Standing(0, (1, 1)), False),
        (Standing(0, (0, 2)), Standing(0, (1, 1)), False),
        (Standing(0, (9, 9)), Standing(0.1, (0, 0)), True),
        (Standing(0.1, (0, 0)), Standing(0, (9, 9)), False),
        (Standing(0.1, (9, 9)), Standing(0.2, (0, 0)), True),
        (Standing(0.2, (0, 0)), Standing(0.2, (9, 9)), False),
    ],
)
def test_domination_is_by_violation_and_then_by_costs(one: Standing, other: Standing, answer: bool) -> None:
    assert one.dominates(other) is answer
