"""The winner is best on average over weight seeds, among networks that hold under all of them."""

from __future__ import annotations

from math import inf

from msc.search.evolution.finalists import final_tasks, mean_cost, winner
from msc.search.evolution.ranking import Scored
from msc.search.scoring.evaluate import Task
from msc.search.scoring.records import Record, Violation
from tests.search.evolution.fake_pool import ACCURACY, BIE, genome, settings

SILENT = (Violation("silent", 0.1, "stem"),)


def finalists(names: str) -> list[Scored]:
    return [Scored(genome(i), Record(name, 0, {"bie": float(i)})) for i, name in enumerate(names)]


def records(name: str, *costs: float | None) -> list[Record]:
    """Final records; a negative cost stands for an infeasible network of that much."""
    return [
        Record(name, seed, {"bie": None if cost is None else abs(cost)}, violations=_violations(cost))
        for seed, cost in enumerate(costs)
    ]


def _violations(cost: float | None) -> tuple[Violation, ...]:
    return SILENT if cost is not None and cost < 0 else ()


def won(**costs: tuple[float | None, ...]) -> str:
    measured = {name: records(name, *given) for name, given in costs.items()}
    best = winner(finalists("".join(costs)), measured, BIE)
    assert best is not None
    return best.record.hash


def test_least_mean_wins() -> None:
    assert won(a=(1, 5, 6), b=(3, 3, 3), c=(2, 4, 4)) == "b"


def test_a_measure_to_maximise() -> None:
    measured = {
        "a": [Record("a", 0, {"accuracy": 0.5}), Record("a", 1, {"accuracy": 0.5})],
        "b": [Record("b", 0, {"accuracy": 0.2}), Record("b", 1, {"accuracy": 0.9})],
    }
    best = winner(finalists("ab"), measured, ACCURACY)
    assert best is not None
    assert best.record.hash == "b"


def test_feasible_under_all_seeds_comes_first() -> None:
    assert won(a=(1, -1, 1), b=(9, 9, 9)) == "b"


def test_else_feasible_under_the_first() -> None:
    """Values of infeasible records count for nothing."""
    assert won(a=(-1, 1, 1), b=(5, 6, -1), c=(4, -9, 8)) == "b"


def test_else_the_best_of_the_search() -> None:
    assert won(a=(-5, 1, 1), b=(-4, 1, 1)) == "a"


def test_ties_go_to_the_better_of_the_search() -> None:
    assert won(a=(2, 4), b=(3, 3)) == "a"


def test_a_missing_value_never_wins() -> None:
    assert won(a=(1, None, 1), b=(9, 9, 9)) == "b"
    assert won(a=(None,), b=(None,)) == "a"


def test_a_failed_record_is_not_feasible() -> None:
    measured = {"a": [Record("a", 0, failure="it overflowed")], "b": records("b", 9)}
    best = winner(finalists("ab"), measured, BIE)
    assert best is not None
    assert best.record.hash == "b"
    assert mean_cost(measured["a"], BIE) == inf


def test_without_finalists_nobody_wins() -> None:
    assert winner([], {}, BIE) is None


def test_each_is_measured_under_seeds_from_the_searchs_own_upwards() -> None:
    one = finalists("a")[0]
    assert final_tasks(one, settings(seed=5, weight_seeds=3)) == [
        Task(one.genome, seed, detailed=True, trained=False) for seed in (5, 6, 7)
    ]


def test_a_check_of_accuracy_trains_under_the_first_seed() -> None:
    tasks = final_tasks(finalists("a")[0], settings(weight_seeds=3, check_accuracy=True))
    assert [task.trained for task in tasks] == [True, False, False]
