"""Where a command's words go: the answer to stdout, notes and progress to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import typer

WIDTH = 80
UNWRITABLE = 2


def answer(text: str) -> None:
    """Print a part of the command's answer on stdout; ends the command where stdout cannot be written.

    A reader that has gone away (`msc show g.json | head -1`) is no error: the rest is dropped.
    """
    reason = _deliver(sys.stdout, text + "\n")
    if reason is not None:
        _tell_unwritable(reason)
        raise typer.Exit(UNWRITABLE)


def answer_json(value: Any) -> None:
    """Print the answer as JSON."""
    answer(json_text(value))


def json_text(value: Any) -> str:
    """Write JSON: sorted keys, two spaces, the same bytes for the same value."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False)


def note(text: str) -> None:
    """Print a line on stderr; where stderr is closed or full there is nobody left to tell."""
    _deliver(sys.stderr, text + "\n")


def finish() -> bool:
    """Flush stdout at the end of the process; says so and returns False where it cannot be written."""
    reason = _deliver(sys.stdout, "")
    if reason is not None:
        _tell_unwritable(reason)
    return reason is None


def destination(named: str | None, default: str) -> str:
    """Choose the file to write: the one named by -o, which may exist, else a new one by default."""
    if named is None and os.path.lexists(default):
        from msc.compiler.cli.failures import OutputError

        raise OutputError.of(
            default, "exists already", f"add -o {default} to replace it, or name another file"
        )
    return default if named is None else named


def table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> str:
    """Lay rows out in columns as wide as their content, numbers to the right; the last column is wrapped.

    A line is at most `WIDTH` characters wide where the columns before the last leave 8 for that one.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(headers))
    ]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    last = len(headers) - 1
    start = sum(widths[:last]) + 2 * last
    widths[last] = min(widths[last], max(WIDTH - start, 8))
    lines: list[str] = []
    for row in (list(headers), *cells):
        wrapped = _wrap(row[last], widths[last])
        row = [*row[:last], wrapped[0]]
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
        lines.extend(" " * start + more for more in wrapped[1:])
    return "\n".join(lines)


@contextmanager
def progress(what: str) -> Generator[Callable[[str], None]]:
    """Show what is going on: a spinner where stderr is a terminal, else a line per step on stderr."""
    if not (sys.stderr is not None and sys.stderr.isatty()):  # pyright: ignore[reportUnnecessaryComparison]
        yield note
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield status.update


def _wrap(text: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, width) or [""]


def _tell_unwritable(reason: str) -> None:
    note(f"stdout: cannot be written ({reason}); free space, or send the answer elsewhere")


def _deliver(stream: TextIO | None, text: str) -> str | None:
    """Write and flush; returns why that failed, None where it did not or where the reader has gone."""
    if stream is None:  # closed by whoever started us
        return None
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        _drop(stream)
        return None if isinstance(error, BrokenPipeError) else (error.strerror or str(error)).lower()
    return None


def _drop(stream: TextIO) -> None:
    """Point a stream at nothing, so that what is left in its buffer does no harm at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
