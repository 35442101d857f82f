"""Our emulator of Loihi: the network in machine time, in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from msc.backends.lava.emulator import CannotEmulateError, emulate
from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.compiler.contracts import CompileError
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import latency, logical, machine_input
from msc.ir.network import Model

_REQUIREMENTS = Requirements()


@dataclass
class Loihi:
    """Runs a quantised model as target lava emits it, pipelined, with `msc.backends.lava.emulator`."""

    name: str = "loihi"
    target: str = "lava"
    requirements: Requirements = _REQUIREMENTS

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        """Retime the model and run it; returns logical spikes, those of the model's populations.

        Raises CannotRunError for a network that cannot be retimed or is not in fixed point.
        """
        try:
            machine = RETIME.run(model).model
            streamed, steps = machine_input(machine.network, inputs, timesteps)
            found = emulate(machine, streamed, steps)
        except (CompileError, CannotEmulateError) as error:
            raise CannotRunError(error.problems) from error
        return logical(machine.network, found.spikes, steps - latency(machine.network))


SIMULATOR = Loihi()
