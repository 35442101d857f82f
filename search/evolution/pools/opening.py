"""Makes the pool that a call asks for."""

from __future__ import annotations

from msc.search.evolution.pools import Evaluate, Pool, PoolError
from msc.search.evolution.pools.inline import InlinePool
from msc.search.evolution.pools.processes import ProcessPool
from msc.search.evolution.pools.rays import RayPool


def open_pool(evaluate: Evaluate, workers: int | None = None, ray_address: str | None = None) -> Pool:
    """Make the pool that `--workers` and `--ray` ask for; without either, and for one worker, this process.

    With `ray_address` (`local`, `auto`, `HOST:PORT`, `ray://HOST:PORT`) `workers` limits the tasks in hand,
    which are otherwise as many as Ray has CPUs. `evaluate` is pickled, once for each worker process; it must
    be deterministic on one thread. Raises PoolError for a call that makes no sense; a Ray that does not
    answer is refused when the pool is entered.
    """
    if workers is not None and workers < 1:
        raise PoolError.of(f"--workers {workers}", "there must be a worker", "use 1 or more")
    if ray_address is not None:
        return RayPool(evaluate, ray_address, workers)
    if workers is None or workers == 1:
        return InlinePool(evaluate)
    return ProcessPool(evaluate, workers)
