"""Choosing simulators by the names a command is given, each checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence

ALL = "all"
REFERENCE = "reference"


def require_installed(names: Sequence[str]) -> None:
    """Refuse simulators that do not exist or are not installed, each with its reason."""
    from msc.backends.verification import available
    from msc.compiler.cli.failures import UsageError
    from msc.ir.errors import Problem, raise_all

    known = available()
    problems: list[Problem] = []
    for name in names:
        if name not in known:
            problems.append(
                Problem(f"--on {name}", "there is no such simulator", f"choose from: {', '.join(known)}")
            )
        elif (missing := known[name]) is not None:
            what, _, command = missing.partition("; ")
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
    running = {name: _target_of(simulator) for name, simulator in known.items() if name != REFERENCE}
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


def _target_of(simulator: object) -> str:
    from msc.backends.simulators.contracts import NirSimulator

    return "nir" if isinstance(simulator, NirSimulator) else "pytorch"
