"""Networks are ranked by feasibility first, then cost, then age; what has no value never wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from msc.search.evolution.ranking import Scored, comparable, non_dominated, ranked
from msc.search.scoring.records import Record, Violation
from tests.search.evolution.fake_pool import ACCURACY, BIE, SYNOPS, genome

SILENT = (Violation("silent", 0.1, "stem"),)


def scored(name: str, bie: float | None, synops: float | None = 1.0, accuracy: float = 0.5) -> Scored:
    values = {"bie": bie, "synops": synops, "accuracy": accuracy}
    return Scored(genome(0), Record(name, 0, values))


def infeasible(name: str, bie: float) -> Scored:
    return Scored(genome(0), Record(name, 0, {"bie": bie, "synops": 0.0}, violations=SILENT))


def names(networks: list[Scored]) -> list[str]:
    return [one.record.hash for one in networks]


FAILED = Scored(genome(0), Record("failed", 0, failure="it overflowed"))


def test_least_cost_leads_and_age_decides_ties() -> None:
    assert names(ranked([scored("a", 2), scored("b", 1), scored("c", 2), scored("d", 1)], [BIE])) == list(
        "bdac"
    )


def test_a_measure_to_maximise() -> None:
    assert names(ranked([scored("a", 1, 1, 0.2), scored("b", 1, 1, 0.9)], [ACCURACY])) == ["b", "a"]


def test_what_is_infeasible_failed_or_without_value_does_not_count() -> None:
    networks = [infeasible("silent", -9), FAILED, scored("none", None), scored("half", 0, None)]
    assert names(ranked(networks, [BIE])) == ["half"]
    assert names(ranked(networks, [BIE, SYNOPS])) == []
    assert non_dominated(networks, [BIE, SYNOPS]) == []
    assert not comparable(Record("nan", 0, {"bie": float("nan")}), [BIE])
    assert not comparable(Record("missing", 0), [BIE])


def test_front_by_hand() -> None:
    networks = [scored("a", 1, 5), scored("b", 2, 2), scored("c", 3, 1), scored("d", 2, 3), scored("e", 1, 6)]
    networks += [scored("same as b", 2, 2), infeasible("silent", -9)]
    assert names(non_dominated(networks, [BIE, SYNOPS])) == ["a", "b", "c"]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=25))
def test_front_is_what_nothing_dominates(values: list[tuple[int, int, int]]) -> None:
    networks = [scored(str(i), *value) for i, value in enumerate(values)]
    costs = [(bie, synops, -accuracy) for bie, synops, accuracy in values]
    expected = [
        i
        for i, cost in enumerate(costs)
        if cost not in costs[:i]
        and not any(o != cost and all(a <= b for a, b in zip(o, cost, strict=True)) for o in costs)
    ]
    found = [int(name) for name in names(non_dominated(networks, [BIE, SYNOPS, ACCURACY]))]
    assert sorted(found) == expected
    assert [costs[i] for i in found] == sorted(costs[i] for i in found)
