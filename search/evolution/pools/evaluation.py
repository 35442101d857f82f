"""Evaluates one task: on one thread, timed."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from msc.search.evolution.pools import Done, Evaluate

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task

# What a new process must find in its environment: the libraries read it when they are loaded.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def evaluate_timed(evaluate: Evaluate, task: Task) -> Done:
    """Evaluate a task and take the time."""
    start = perf_counter()
    record = evaluate(task)
    return Done(record, perf_counter() - start)
