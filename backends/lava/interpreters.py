"""Finds the Python interpreter that runs Lava."""

from __future__ import annotations

from pathlib import Path

from msc.backends.lava.environments import INSTALL, VARIABLE, environment_folder, places
from msc.backends.simulators.contracts import CannotRunError

__all__ = ["environment_folder", "find_interpreter"]


def find_interpreter() -> Path:
    """Find a Python with lava-nc 0.10: LAVA_PYTHON, the one that runs, the environment that msc builds.

    Where LAVA_PYTHON is set only that is looked at, and it is run to see that it works. Raises CannotRunError
    with every place that was looked at, what is wrong with it, and the command that installs Lava.
    """
    looked_at = places()
    for place in looked_at:
        if place.python is not None:
            return place.python
    if looked_at[0].name.startswith(VARIABLE):
        raise CannotRunError.of(
            looked_at[0].name,
            looked_at[0].why,
            f"name a Python that has lava-nc 0.10, or unset it and run {INSTALL}",
        )
    seen = ", ".join(f"{place.name} {place.why}" for place in looked_at)
    raise CannotRunError.of(
        "lava", f"no Python has lava-nc 0.10 ({VARIABLE} is not set, {seen})", f"run {INSTALL}"
    )
