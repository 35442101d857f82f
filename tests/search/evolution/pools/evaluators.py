"""Evaluators for the tests of pools: deterministic, light to import, and some with accidents."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from msc.search.generate import new_genome
from msc.search.genome import Genome
from msc.search.scoring.records import Record, Violation


@cache
def genome() -> Genome:
    """A small genome that all tasks share: their seeds tell them apart."""
    return new_genome("snasnet", 1, input_shape=(1, 6, 6), classes=2, votes=1, channels=2, hidden=3)


@dataclass(frozen=True)
class Job:
    """What an evaluator here needs of a task; unlike the real one it loads no torch."""

    seed: int
    genome: Genome = field(default_factory=genome)


def jobs(count: int) -> list[Any]:
    return [Job(seed) for seed in range(count)]


def never() -> bool:
    """Do not stop."""
    return False


def after(calls: int) -> Callable[[], bool]:
    """Stop once asked more often than `calls` times."""
    asked = iter(range(calls))
    return lambda: next(asked, None) is None


@dataclass(frozen=True)
class Steady:
    """A record that follows from the seed alone, after a wait that mixes the order of finishing."""

    def __call__(self, task: Any) -> Record:
        lot = hashlib.sha256(str(task.seed).encode()).digest()
        time.sleep(lot[0] / 255 * 0.03)
        values = {"bie": lot[1] / 3, "synops": None}
        violations = (Violation("silent", lot[2] / 255, "a fires 0"),) if lot[3] < 128 else ()
        return Record(lot.hex(), task.seed, values, lot[4], lot[5], {"a": lot[6] / 7}, None, violations)


@dataclass(frozen=True)
class KilledOnce(Steady):
    """Loses its worker to SIGKILL the first time it meets each of `seeds`."""

    folder: Path
    seeds: tuple[int, ...]

    def __call__(self, task: Any) -> Record:
        if task.seed in self.seeds:
            seen = self.folder / f"seen-{task.seed}"
            if not seen.exists():
                seen.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


@dataclass(frozen=True)
class Deadly(Steady):
    """Always loses its worker over one seed; leaves a line for each try."""

    folder: Path
    seed: int

    def __call__(self, task: Any) -> Record:
        if task.seed == self.seed:
            with (self.folder / "tries").open("a") as tries:
                tries.write("tried\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


@dataclass(frozen=True)
class Buggy(Steady):
    """Raises at one seed what a bug would."""

    seed: int

    def __call__(self, task: Any) -> Record:
        return self._divide(task) if task.seed == self.seed else super().__call__(task)

    def _divide(self, task: Any) -> Record:
        return Record("", task.seed // 0)


class UnsendableError(Exception):
    """An exception that no process can hand to another."""

    def __init__(self) -> None:
        super().__init__("cannot be sent")
        self.lock = threading.Lock()


@dataclass(frozen=True)
class Unsendable:
    """Raises an exception that cannot be pickled."""

    def __call__(self, task: Any) -> Record:
        raise UnsendableError


@dataclass(frozen=True)
class Waiting:
    """Writes down its process, then waits for the file `go` in `folder`, at most a minute."""

    folder: Path

    def __call__(self, task: Any) -> Record:
        (self.folder / f"pid-{os.getpid()}").touch()
        deadline = time.monotonic() + 60
        while not (self.folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return Record(str(task.seed), task.seed)


@dataclass(frozen=True)
class Busy:
    """Writes down its process, then keeps it inside one long call that no signal handler interrupts."""

    folder: Path

    def __call__(self, task: Any) -> Record:
        (self.folder / f"pid-{os.getpid()}").touch()
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)
        return Record(str(task.seed), task.seed)


@dataclass(frozen=True)
class Threads:
    """Tells on how many threads it could compute, and in which process."""

    def __call__(self, task: Any) -> Record:
        import torch

        found = {name: float(os.environ.get(name, "nan")) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        return Record(str(os.getpid()), task.seed, {"torch": float(torch.get_num_threads()), **found})


@dataclass(frozen=True)
class Counted(Steady):
    """Counts in `folder` how often it is unpickled."""

    folder: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self.folder,)


def _unpickle(folder: Path) -> Counted:
    with (folder / "unpickled").open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    return Counted(folder)
