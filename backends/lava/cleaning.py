"""Ends every process of a supervised run and removes what it left; also the script that guards a run.

A process of the run is one whose environment holds the run's token: children inherit it, in whatever session
or process group they are. Only the standard library is imported: the guard runs this file by its path.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

VARIABLE = "MSC_SUPERVISED_RUN"
SHARED_MEMORY = "/dev/shm"
_GIVE_UP_SECONDS = 10.0  # a process that the kernel holds cannot be killed; nothing helps against that
_AGAIN_SECONDS = 0.01


def segment_prefix(token: str) -> str:
    """What the names of a run's shared-memory segments begin with."""
    return f"msc{token}"


def clean(token: str) -> None:
    """End the run's processes, then remove its shared memory: nobody is left to make more."""
    end_processes(token)
    unlink_segments(segment_prefix(token))


def end_processes(token: str) -> None:
    """Kill whatever carries the token until there is nothing more that does."""
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while (found := list(processes(token))) and time.monotonic() < give_up:
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_AGAIN_SECONDS)


def processes(token: str) -> Iterator[int]:
    """Find the processes that carry the token; none where the system has no /proc."""
    wanted = f"{VARIABLE}={token}".encode()
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit() and wanted in _environment(name):
                yield int(name)


def _environment(process: str) -> list[bytes]:
    """The environment a process was started with; empty for those that ended and those of others."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def unlink_segments(prefix: str) -> None:
    """Remove the shared-memory segments whose names begin so."""
    with suppress(FileNotFoundError):
        for name in os.listdir(SHARED_MEMORY):
            if name.startswith(prefix):
                with suppress(FileNotFoundError, PermissionError):
                    os.unlink(os.path.join(SHARED_MEMORY, name))


def guard(token: str, folders: list[str]) -> None:
    """Wait until stdin closes, which the end of the guarded process does too, however it ends; then clean."""
    sys.stdin.buffer.read()
    clean(token)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(sys.argv[1], sys.argv[2:])
