"""Our own PyTorch executor, the one that trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.simulators.contracts import Requirements
from msc.ir.network import Model
from msc.ir.neurons import LI

_REQUIREMENTS = Requirements(("torch",), 'python -m pip install "torch>=2.9,<2.14"')


@dataclass
class PyTorch:
    """Runs models with `msc.backends.pytorch.SpikingNetwork`."""

    name: str = "pytorch"
    target: str = "pytorch"
    requirements: Requirements = _REQUIREMENTS

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        """Run the executor in evaluation, without gradients."""
        import torch

        from msc.backends.pytorch import SpikingNetwork

        network = SpikingNetwork(model.network)
        network.load_weights(model.weights)
        network.eval()
        with torch.no_grad():
            values = network.record(torch.from_numpy(np.array(inputs, np.float32)), timesteps)
        spiking = {p.name for p in model.network.populations if not isinstance(p.neuron, LI)}
        arrays = {name: tensor.numpy() for name, tensor in values.items()}
        return {name: a.astype(np.uint8) if name in spiking else a for name, a in arrays.items()}


SIMULATOR = PyTorch()
