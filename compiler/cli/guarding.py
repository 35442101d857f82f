"""How a command ends: mistakes as lines on stderr, Ctrl-C as exit 130, bugs with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from msc.compiler.cli import output

USER_MISTAKE = 2
INTERRUPTED = 130
_SMALLER = "use fewer channels, a smaller input or fewer samples"

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that an MscError ends it with one line per problem, and Ctrl-C with exit 130.

    Everything else is a bug of ours and keeps its traceback.
    """

    @wraps(command)
    def guarded_command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _report(command, *args, **kwargs)
        except KeyboardInterrupt as error:
            output.note("interrupted")
            raise typer.Exit(INTERRUPTED) from error
        except MemoryError as error:
            output.note(f"memory: is not enough ({error or 'an allocation failed'}); {_SMALLER}")
            raise typer.Exit(USER_MISTAKE) from error
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "msc":
                raise
            output.note(f"{error.name}: is not installed; msc doctor says what installs it")
            raise typer.Exit(USER_MISTAKE) from error

    return guarded_command


def _report(command: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    from msc.ir.errors import MscError  # not at the top: numpy comes with it, which --help can do without

    try:
        command(*args, **kwargs)
    except MscError as error:
        for problem in error.problems:
            output.note(str(problem))
        raise typer.Exit(error.exit_code) from error
