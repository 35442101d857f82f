"""A terminal of a given size for a command, and what stands on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cli.calling import LIMIT_SECONDS, MSC, environment

_PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(.)", re.S)


def screen(text: str, width: int) -> list[str]:
    """Play what was written to a terminal; returns its lines. Wraps as a terminal does."""
    lines, row, column = [""], 0, 0
    for match in _PIECE.finditer(text):
        arguments, code, character = match.groups()
        if code == "A":
            row = max(0, row - int(arguments or 1))
        elif code == "K" and arguments == "2":
            lines[row] = ""
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif character is not None:
            if column == width:
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row].ljust(column)[:column] + character + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def in_terminal(
    *arguments: str | Path, folder: Path, width: int = 80, watch: Callable[[str], int] = lambda _: 0
) -> tuple[int, str, str]:
    """Run msc with stderr on a terminal; returns exit code, stdout, and all that went to the terminal.

    `watch` sees what was written so far and says how many Ctrl-C should have been typed by now.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    env = environment(TERM="xterm", COLUMNS=str(width), LINES="24")
    process = subprocess.Popen(
        [*MSC, *map(str, arguments)], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs,
        start_new_session=True, text=True,
    )  # fmt: skip
    os.close(theirs)
    written, typed, deadline = b"", 0, time.monotonic() + LIMIT_SECONDS
    with ended(process):
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    written += os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
            while typed < watch(written.decode(errors="replace")):
                os.killpg(process.pid, signal.SIGINT)
                typed += 1
        stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, stdout, written.decode()


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Leave nothing of a process and its group behind, whatever a test finds."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
