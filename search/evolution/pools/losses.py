"""Says which evaluation ends the workers that try it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msc.search.canonical import genome_hash
from msc.search.evolution.pools import PoolError

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task

TRIES = 3


def given_up(task: Task, how: str) -> PoolError:
    """Make the error for a task that has ended `TRIES` workers; `how` says what became of the last."""
    return PoolError.of(
        f"genome {genome_hash(task.genome)[:12]} under weight seed {task.seed}",
        f"evaluating it ended {TRIES} workers one after the other, the last {how}",
        "where memory ran out, search with fewer --channels, a smaller --batch or fewer --workers",
    )
