"""Real Lava, in a process and, if need be, a Python of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.interpreters import find_interpreter
from msc.backends.lava.limits import lava_problems
from msc.backends.lava.runner import run_on_lava, time_limit
from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.compiler.contracts import CompileError
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import machine_input, relay_of
from msc.ir.errors import raise_all
from msc.ir.network import Model

NAME = "lava"


@dataclass(frozen=True)
class LavaRequirements(Requirements):
    """An interpreter with lava-nc, not necessarily this one."""

    def missing(self) -> str | None:
        """Say where Lava was looked for in vain, and the command that installs it."""
        try:
            find_interpreter()
        except CannotRunError as error:
            (problem,) = error.problems
            where = "" if problem.where == NAME else f"{problem.where} "
            return f"{where}{problem.what}; {problem.fix}"
        return None


@dataclass
class Lava:
    """Runs what target lava makes of a quantised model, its network in machine time, on lava-nc."""

    name: str = NAME
    target: str = "lava"
    requirements: Requirements = LavaRequirements()

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        """Retime the model and run it; returns logical spikes, those of the model's populations.

        Raises CannotRunError for a network that no bundle can hold, and for all that can go wrong with Lava.
        """
        try:
            machine = RETIME.run(model).model
        except CompileError as error:
            raise CannotRunError(error.problems) from error
        raise_all(CannotRunError, lava_problems(machine))
        _, steps = machine_input(machine.network, inputs, timesteps)
        samples = inputs.shape[1 if timesteps is None else 0]
        seconds = time_limit(machine.network, steps, samples)
        found = run_on_lava(bundle_files(machine), inputs, timesteps, seconds=seconds)
        names = [p.name for p in machine.network.populations if not p.is_source and relay_of(p.name) is None]
        missing = [name for name in names if name not in found]
        if missing:
            raise CannotRunError.of(NAME, f"shows no {', '.join(missing)}", "compile the network again")
        return {name: found[name] for name in names}


SIMULATOR = Lava()
