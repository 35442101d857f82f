"""Finding the target a command names, and reading its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msc.compiler.cli.failures import UsageError
from msc.ir.errors import MscError, Problem, raise_all

if TYPE_CHECKING:
    from msc.compiler.contracts import Target


def target_with_options(name: str, given: Sequence[str]) -> tuple[Target, dict[str, str]]:
    """Find a target and check `key=value` texts against its options, listing every offender."""
    from msc.compiler.driver import check_options, find_target

    target = find_target(name)
    problems: list[Problem] = []
    options: dict[str, str] = {}
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
    try:
        options = check_options(target, options)
    except MscError as error:
        problems.extend(error.problems)
    raise_all(UsageError, problems)
    return target, options
