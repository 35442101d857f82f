"""Begins tasks in order and yields their results in order, whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from msc.search.evolution.pools import Done

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task


class Crew(Protocol):
    """Workers that take numbered tasks, a few at a time, and finish them in any order."""

    @property
    def has_room(self) -> bool:
        """Whether one more task can be begun."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether there are tasks in hand."""
        ...

    def begin(self, number: int, task: Task) -> None:
        """Take a task in hand."""
        ...

    def wait(self) -> Sequence[tuple[int, Done]]:
        """Wait until something has happened; returns the tasks that are finished, maybe none."""
        ...

    def abandon(self) -> None:
        """Drop the tasks in hand, whatever they have come to."""
        ...


def in_order(crew: Crew, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
    """Let a crew do tasks as `Pool.run` promises: those begun are the first ones, and all are yielded."""
    finished: dict[int, Done] = {}
    begun = yielded = 0
    try:
        while True:
            while begun < len(tasks) and crew.has_room and not stop():
                crew.begin(begun, tasks[begun])
                begun += 1
            while yielded in finished:
                yield finished.pop(yielded)
                yielded += 1
            if not crew.is_busy:
                return
            finished.update(crew.wait())
    finally:
        crew.abandon()
