"""A worker process: receives the evaluator, then evaluates task after task until its parent has gone."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Thread
from types import TracebackType

from msc.search.evolution.pools.evaluation import evaluate_timed


@dataclass(frozen=True)
class Ready:
    """The worker has started and waits for the evaluator."""


@dataclass(frozen=True)
class Raised:
    """The worker's traceback of an exception; the exception itself follows where it can be pickled."""

    trace: str


def serve(connection: Connection) -> None:
    """Send Ready, receive the evaluator, then answer each task with Done or Raised."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):  # the parent is gone
        connection.send(Ready())
        with _Reporting(connection):
            evaluate = connection.recv()
        while True:
            task = connection.recv()
            with _Reporting(connection):
                done = evaluate_timed(evaluate, task)
            connection.send(done)


def _end_with_parent() -> None:
    """End this process, in the midst of whatever it computes, as soon as its parent has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _Reporting:
    """Hands an exception to the parent, where it is raised, and ends this process quietly."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._connection.send(Raised("".join(traceback.format_exception(error))))
            self._connection.send(error)
            raise SystemExit(1)
