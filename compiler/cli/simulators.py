"""Choosing simulators by the names a command is given, each checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msc.compiler.contracts import Options

ALL = "all"
REFERENCE = "reference"
OPTIONS_OF = "lava"


def require_installed(names: Sequence[str]) -> None:
    """Refuse simulators that do not exist or are not installed, each with its reason."""
    from msc.backends.verification import simulators
    from msc.compiler.cli.failures import UsageError
    from msc.ir.errors import Problem, raise_all

    known = simulators()
    problems: list[Problem] = []
    for name in names:
        if name not in known:
            problems.append(
                Problem(f"--on {name}", "there is no such simulator", f"choose from: {', '.join(known)}")
            )
        elif (missing := known[name].requirements.missing()) is not None:
            what, _, command = missing.rpartition("; ")
            problems.append(Problem(f"--on {name}", what, command or "see msc doctor"))
    raise_all(UsageError, problems)


def choose(target: str, on: str) -> tuple[str, ...]:
    """List the simulators that check a target's artefacts: `all`, or names separated by commas.

    Raises UsageError for names that do not exist, are not installed, or do not run that target's artefacts.
    """
    from msc.backends.verification import simulators
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.driver import find_target, target_names
    from msc.ir.errors import Problem, raise_all

    known = simulators()
    if target != ALL and target not in target_names():
        find_target(target)
    running = {name: simulator.target for name, simulator in known.items() if name != REFERENCE}
    fitting = tuple(name for name, its_target in running.items() if target in (ALL, its_target))
    if on == ALL:
        return fitting
    named = tuple(dict.fromkeys(part.strip() for part in on.split(",")))
    require_installed(named)
    raise_all(
        UsageError,
        [
            Problem(
                f"--on {name}",
                f"does not run what --target {target} makes",
                f"choose from: {', '.join(fitting)}",
            )
            for name in named
            if name not in (*fitting, REFERENCE)  # naming the reference itself is no mistake
        ],
    )
    return named


def options_for(names: Sequence[str], given: Sequence[str]) -> Options:
    """Read the `--option`s of a command that runs simulators: those of target lava.

    Other targets' artefacts are made as each simulator needs them. Raises UsageError where no simulator named
    runs what target lava makes.
    """
    from msc.backends.verification import simulators
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.targets import target_with_options

    if not given:
        return {}
    known = simulators()
    if not any(known[name].target == OPTIONS_OF for name in names):
        raise UsageError.of(
            "--option",
            f"is of target {OPTIONS_OF}, which {', '.join(names)} does not run",
            "leave it out, or add --on loihi",
        )
    return target_with_options(OPTIONS_OF, given)[1]
