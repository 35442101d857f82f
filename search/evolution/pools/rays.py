"""A pool on Ray, which does again what was lost with a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msc.search.evolution.pools import Done, Evaluate, PoolError
from msc.search.evolution.pools.cluster import check_address, connected
from msc.search.evolution.pools.evaluation import evaluate_timed
from msc.search.evolution.pools.losses import TRIES, given_up
from msc.search.evolution.pools.ordering import in_order

if TYPE_CHECKING:
    from msc.search.scoring.evaluate import Task


class RayPool:
    """Evaluates on the CPUs of a Ray cluster, one for each task, at most `workers` tasks at a time.

    The evaluator is put into Ray's object store once. A task lost with its worker or its machine is done
    again by Ray, `TRIES` times in all.
    """

    def __init__(self, evaluate: Evaluate, address: str, workers: int | None = None) -> None:
        check_address(address)
        self._evaluate = evaluate
        self._address = address
        self._workers = workers
        self._connection = ExitStack()
        self._in_hand: dict[Any, tuple[int, Task]] = {}
        self._window = 0

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
        """Evaluate tasks as `Pool.run` says; raises PoolError for a task that ends worker after worker."""
        import ray

        cpus = int(ray.cluster_resources().get("CPU", 1))  # anew for each run: machines come and go
        self._window = self._workers or max(1, cpus)
        return in_order(self, tasks, stop)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(connected(self._address, self._workers))
            import ray

            self._shared = ray.put(self._evaluate)
            self._remote = ray.remote(evaluate_timed).options(
                num_cpus=1, max_retries=TRIES - 1, retry_exceptions=False
            )
            self._connection = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in_hand.clear()
        self._connection.close()

    @property
    def has_room(self) -> bool:
        """Whether fewer tasks are in hand than there may be."""
        return len(self._in_hand) < self._window

    @property
    def is_busy(self) -> bool:
        """Whether tasks are in hand."""
        return bool(self._in_hand)

    def begin(self, number: int, task: Task) -> None:
        """Hand a task to Ray."""
        self._in_hand[self._remote.remote(self._shared, task)] = (number, task)

    def wait(self) -> list[tuple[int, Done]]:
        """Wait for a task to finish; returns it."""
        import ray
        from ray.exceptions import RaySystemError

        try:
            (reference, *_), _ = ray.wait(list(self._in_hand), num_returns=1)
        except (RaySystemError, ConnectionError) as error:
            raise self._lost(error) from error
        number, task = self._in_hand.pop(reference)
        return [(number, self._result(reference, task))]

    def abandon(self) -> None:
        """Cancel the tasks in hand."""
        import ray

        while self._in_hand:
            reference, _ = self._in_hand.popitem()
            ray.cancel(reference, force=True)

    def _result(self, reference: Any, task: Task) -> Done:
        """Get a finished task's result; raises what the evaluator raised, with the worker's traceback."""
        import ray
        from ray import exceptions

        try:
            return ray.get(reference)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, exceptions.RaySystemError):
                raise self._foreign(error.cause) from error
            error.cause.add_note(f"in a worker process:\n{error}")
            raise error.cause from None
        except (
            exceptions.WorkerCrashedError,
            exceptions.OutOfMemoryError,
            exceptions.NodeDiedError,
        ) as error:
            raise given_up(task, f"with Ray's {type(error).__name__}") from error
        except (exceptions.RaySystemError, exceptions.ObjectLostError, ConnectionError) as error:
            raise self._lost(error) from error

    def _lost(self, error: BaseException) -> PoolError:
        self._in_hand.clear()
        what = f"the cluster was lost: {' '.join(str(error).split())}"
        return PoolError.of(f"--ray {self._address}", what, "go on with --resume")

    def _foreign(self, error: BaseException) -> PoolError:
        what = f"a worker cannot read its task: {str(error).splitlines()[0]}"
        fix = "install the same msc-snn on every machine of the cluster"
        return PoolError.of(f"--ray {self._address}", what, fix)
