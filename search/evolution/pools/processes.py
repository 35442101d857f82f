"""A pool of processes of one thread each, which replaces those that are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msc.search.evolution.pools import Done, Evaluate
from msc.search.evolution.pools.evaluation import ONE_THREAD
from msc.search.evolution.pools.losses import TRIES, given_up
from msc.search.evolution.pools.ordering import in_order
from msc.search.evolution.pools.worker import Raised, Ready, serve

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task

_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class _Worker:
    """A process and the pipe to it."""

    process: BaseProcess
    pipe: Connection


class ProcessPool:
    """Evaluates in `workers` processes, each started when there is first a task for it.

    A task whose process ends before it has answered is given to a new one, `TRIES` times in all.
    """

    def __init__(self, evaluate: Evaluate, workers: int) -> None:
        self._evaluate = evaluate
        self._count = workers
        self._workers: list[_Worker] = []
        self._in_hand: dict[_Worker, tuple[int, Task]] = {}
        self._losses: Counter[int] = Counter()

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
        """Evaluate tasks as `Pool.run` says; raises PoolError for a task that ends process after process."""
        return in_order(self, tasks, stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in_hand.clear()
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            _bury(self._workers.pop())

    @property
    def has_room(self) -> bool:
        """Whether fewer tasks are in hand than there may be processes."""
        return len(self._in_hand) < self._count

    @property
    def is_busy(self) -> bool:
        """Whether a process has a task in hand."""
        return bool(self._in_hand)

    def begin(self, number: int, task: Task) -> None:
        """Give a task to an idle process, or start one for it."""
        idle = next((worker for worker in self._workers if worker not in self._in_hand), None)
        if idle is None:
            self._in_hand[self._start()] = (number, task)
            return
        self._in_hand[idle] = (number, task)
        _send(idle, task)

    def wait(self) -> list[tuple[int, Done]]:
        """Wait for messages; returns what is finished, and begins again what died."""
        finished: list[tuple[int, Done]] = []
        speaking = connections.wait([worker.pipe for worker in self._in_hand])
        for worker in [worker for worker in self._in_hand if worker.pipe in speaking]:
            number, task = self._in_hand[worker]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._begin_again(worker)
                continue
            match message:
                case Ready():
                    _send(worker, self._evaluate)
                    _send(worker, task)
                case Raised():
                    _raise(worker, message)
                case _:
                    del self._in_hand[worker]
                    finished.append((number, message))
        return finished

    def abandon(self) -> None:
        """End the processes that have a task in hand."""
        for worker in self._in_hand:
            worker.process.kill()
        while self._in_hand:
            worker, _ = self._in_hand.popitem()
            self._workers.remove(worker)
            _bury(worker)
        self._losses.clear()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads and locks
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs,), daemon=True)
        with _fit_for_workers():
            process.start()
            worker = _Worker(process, ours)
            self._workers.append(worker)
        theirs.close()
        return worker

    def _begin_again(self, dead: _Worker) -> None:
        number, task = self._in_hand.pop(dead)
        self._workers.remove(dead)
        how = _bury(dead)
        self._losses[number] += 1
        if self._losses[number] == TRIES:
            raise given_up(task, how)
        self.begin(number, task)


def _send(worker: _Worker, message: object) -> None:
    with suppress(ConnectionError):  # it died: the next wait hears the end of its pipe
        worker.pipe.send(message)


def _raise(worker: _Worker, report: Raised) -> None:
    """Raise a worker's exception here, with the worker's traceback in its notes."""
    try:
        raise worker.pipe.recv()
    except BaseException as error:  # the exception, or that it could not be sent: the notes tell what it was
        error.add_note(f"in a worker process:\n{report.trace}")
        raise


def _bury(worker: _Worker) -> str:
    """End a process for good; returns how it ended."""
    worker.process.join(_SECONDS_TO_END)
    worker.process.kill()
    worker.process.join()
    code = worker.process.exitcode
    worker.process.close()
    worker.pipe.close()
    if code is not None and code < 0:
        return f"by signal {-code} ({signal.strsignal(-code)})"
    return f"with exit code {code}"


@contextmanager
def _fit_for_workers() -> Iterator[None]:
    """Let processes that are started meanwhile inherit one thread, and never hear a Ctrl-C.

    A terminal sends it to all processes, and the parent decides what it means. A blocked signal is inherited,
    so that it does not end a process that is just starting either.
    """
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    resource_tracker.ensure_running()  # its own start would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
