"""A pool without workers: this process evaluates, one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msc.search.evolution.pools import Done, Evaluate
from msc.search.evolution.pools.evaluation import evaluate_timed
from msc.search.threads import one_thread

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task


class InlinePool:
    """Evaluates in this process, on one thread."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
        """Evaluate tasks in order until `stop()` is true."""
        for task in tasks:
            if stop():
                return
            with one_thread():
                done = evaluate_timed(self._evaluate, task)
            yield done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
