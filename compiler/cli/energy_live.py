"""What `msc energy` shows on stderr while it counts: a bar on a terminal, else nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from msc.compiler.cli.terminals import terminal

Counted: TypeAlias = Callable[[int, int], None]
"""Takes how many samples are done, and of how many."""


@contextmanager
def watching() -> Generator[Callable[[str], Counted]]:
    """Show how far stages are; yields what begins one by its name, and gives what to tell of its samples."""
    console = terminal()
    if console is None:
        yield lambda _: lambda done, of: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def begin(name: str) -> Counted:
            progress.reset(task, description=name, total=None)
            return lambda done, of: progress.update(task, completed=done, total=of)

        yield begin
