"""Tests of the order in which tasks are begun and results come out, with a crew that needs no processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.search.evolution.pools import Done
from msc.search.evolution.pools.ordering import in_order
from msc.search.scoring.records import Record
from tests.search.evolution.pools.evaluators import after, never


class Drawn:
    """A crew of `size` that finishes the tasks in hand in the order that `choose` says."""

    def __init__(self, size: int, choose: Callable[[int], int]) -> None:
        self.size = size
        self.choose = choose
        self.in_hand: list[tuple[int, Any]] = []
        self.begun: list[int] = []
        self.most = 0
        self.abandoned = 0

    @property
    def has_room(self) -> bool:
        return len(self.in_hand) < self.size

    @property
    def is_busy(self) -> bool:
        return bool(self.in_hand)

    def begin(self, number: int, task: Any) -> None:
        self.in_hand.append((number, task))
        self.begun.append(number)
        self.most = max(self.most, len(self.in_hand))

    def wait(self) -> list[tuple[int, Done]]:
        chosen = self.choose(len(self.in_hand) + 1)
        if chosen == len(self.in_hand):
            return []
        number, task = self.in_hand.pop(chosen)
        return [(number, Done(Record(task, number), 0.0))]

    def abandon(self) -> None:
        self.abandoned += len(self.in_hand)
        self.in_hand.clear()


@given(st.integers(1, 5), st.integers(0, 12), st.integers(0, 15), st.data())
def test_what_is_begun_is_a_prefix_and_comes_out_whole_and_in_order(
    size: int, count: int, calls: int, data: st.DataObject
) -> None:
    crew = Drawn(size, lambda choices: data.draw(st.integers(0, choices - 1)))
    tasks: list[Any] = [f"task {number}" for number in range(count)]
    results = list(in_order(crew, tasks, after(calls)))
    assert crew.begun == list(range(min(calls, count)))
    assert [done.record.hash for done in results] == tasks[: len(crew.begun)]
    assert (crew.most <= size, crew.abandoned) == (True, 0)


def test_a_result_is_yielded_before_later_tasks_are_finished() -> None:
    crew = Drawn(2, lambda choices: 0)
    results = in_order(crew, ["a", "b", "c", "d"], never)  # type: ignore[list-item]
    assert next(results).record.hash == "a"
    assert crew.begun == [0, 1, 2]


def test_tasks_in_hand_are_dropped_when_nobody_wants_the_rest() -> None:
    crew = Drawn(3, lambda choices: 0)
    results = in_order(crew, ["a", "b", "c", "d"], never)  # type: ignore[list-item]
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert crew.abandoned == 3


def test_tasks_in_hand_are_dropped_when_a_crew_gives_up() -> None:
    def give_up(choices: int) -> int:
        raise ArithmeticError("gone")

    crew = Drawn(3, give_up)
    with pytest.raises(ArithmeticError, match="gone"):
        list(in_order(crew, ["a", "b"], never))  # type: ignore[list-item]
    assert crew.abandoned == 2
