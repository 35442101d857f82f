"""The numpy reference simulator, which is the definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from msc.backends.simulators.contracts import Requirements
from msc.ir.network import Model
from msc.ir.simulate import simulate

_REQUIREMENTS = Requirements()


@dataclass
class Reference:
    """Runs models with `msc.ir.simulate`."""

    name: str = "reference"
    target: str = ""
    requirements: Requirements = _REQUIREMENTS

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        """Run the definition."""
        return simulate(model, inputs, timesteps).spikes


SIMULATOR = Reference()
