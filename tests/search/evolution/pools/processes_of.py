"""Looks after processes by their ids: which children a process has, and which of some are still there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process is there; one that has ended and only waits for its parent to notice is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(") ")[2][0] != "Z"


def noted(folder: Path) -> set[int]:
    """The processes that evaluators wrote down in a folder."""
    return {int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")}


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait for a condition, and say whether it came true; the deadline only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def all_end(pids: Iterable[int]) -> bool:
    return eventually(lambda: not any(is_running(pid) for pid in pids))
