"""Finding the target a command names, and reading its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msc.compiler.cli.failures import UsageError
from msc.ir.errors import MscError, Problem, raise_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.compiler.contracts import Options, Target


def target_with_options(name: str, given: Sequence[str]) -> tuple[Target, Options]:
    """Find a target and check `key=value` texts against its options, listing every offender.

    The value of an option that takes an array is the name of a .npy file, which is read.
    """
    from msc.compiler.cli.arrays import read_array
    from msc.compiler.driver import check_options, find_target

    target = find_target(name)
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
        options[key] = read_array(value) if key in arrays else value
    try:
        options = check_options(target, options)
    except MscError as error:
        problems.extend(error.problems)
    raise_all(UsageError, problems)
    return target, options
