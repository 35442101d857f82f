"""Pools of workers that evaluate candidates: this process, processes of one thread each, or Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from msc.ir.errors import MscError
from msc.search.scoring.records import Record

if TYPE_CHECKING:  # a worker need not load torch for what evaluates without it
    from msc.search.scoring.evaluate import Task

Evaluate = Callable[["Task"], Record]


class PoolError(MscError):
    """Workers cannot be reached, or die again and again."""


@dataclass(frozen=True)
class Done:
    """A finished task: its record, and the seconds its evaluation took."""

    record: Record
    seconds: float


class Pool(Protocol):
    """Workers for one search: a context manager that ends them, whatever happens.

    Every evaluation computes on one thread, so that its record depends on the task alone: not on the pool,
    nor on the number of workers. What an evaluation raises is a bug, and is raised here.
    """

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
        """Evaluate tasks and yield their records in the order of the tasks.

        Tasks are begun in order, as many at a time as there are workers. Once `stop()` is true no further
        task is begun; those begun are finished and yielded, then it ends.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
