"""Finding the target a command names, and reading its options."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.failures import UsageError
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.compiler.contracts import Options, Target


HELP = "help"


def describe_options(target: Target) -> str:
    """Lay out a target's options: their values, the default first, and what each does."""
    rows = [
        (name, "FILE.npy" if option.is_array else ", ".join(option.values), option.help)
        for name, option in sorted(target.options.items())
    ]
    if not rows:
        return f"target {target.name} has no options"
    return output.table(rows, ("option", "values", "does"))


def target_with_options(name: str, given: Sequence[str]) -> tuple[Target, Options]:
    """Find a target and check `key=value` texts against its options, listing every offender.

    The value of an option that takes an array is the name of a .npy file, which is read. The text `help`
    ends the command with a description of the options.
    """
    from msc.compiler.cli.arrays import read_array
    from msc.compiler.driver import check_options, find_target

    target = find_target(name)
    if HELP in given:
        output.answer(describe_options(target))
        raise typer.Exit
    arrays = {key for key, option in target.options.items() if option.is_array}
    problems: list[Problem] = []
    options: dict[str, str | NDArray[Any]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            problems.append(
                Problem(f"option {text}", "is not of the form key=value", "write it as key=value")
            )
            continue
        if key in options:
            problems.append(Problem(f"option {key}", "is given twice", "give it once"))
        options[key] = value
    attempt = Attempts(problems)
    for key in sorted(options.keys() & arrays):
        array = attempt(partial(read_array, str(options.pop(key))))
        if array is not None:
            options[key] = array
    checked = attempt(lambda: check_options(target, options))
    raise_all(UsageError, attempt.problems)
    assert checked is not None
    return target, checked
