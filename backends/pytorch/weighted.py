"""A torch module that holds the weights of a network as its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from msc.backends.pytorch.parameters import is_statistic, registered, weight_signs
from msc.backends.pytorch.synapses import with_sign
from msc.ir.network import Model, Network, Sign
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.verify import verify_model


class WeightedModule(nn.Module):
    """Parameters and running statistics under the IR's weight names, with `.` replaced by `:`.

    Those of signed projections are used as |w| or -|w| (gamma as |gamma|), so that training cannot break a
    sign. Weights are zero until `load_weights`. `float_type` is an empty buffer of the module's type.
    """

    float_type: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._shapes = population_shapes(network)
        self._signs = weight_signs(network)
        self._expected = weight_shapes(network, self._shapes)
        self.register_buffer("float_type", torch.zeros(0), persistent=False)
        for key, shape in self._expected.items():
            if is_statistic(key):
                self.register_buffer(registered(key), torch.full(shape, float(key.endswith("var"))))
            else:
                start = torch.full(shape, float(key.endswith("gamma")))
                self.register_parameter(registered(key), nn.Parameter(start))

    def load_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take over a model's weights; raises InvalidNetworkError listing all that do not fit."""
        model = Model(self.network, dict(weights))
        verify_model(model)
        with torch.no_grad():
            for key, array in model.weights.items():
                self.stored(key).copy_(torch.from_numpy(np.array(array)))

    def export_weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy out the effective weights (signs applied) as float32 under the IR's names."""
        with torch.no_grad():
            return {
                key: np.array(weight.detach().cpu().numpy(), dtype=np.float32) + np.float32(0)  # -0 becomes 0
                for key, weight in self.effective().items()
            }

    def effective(self) -> dict[str, Tensor]:
        """Return the weights under the IR's names, signs applied."""
        return {key: with_sign(self._signs.get(key, Sign.FREE), self.stored(key)) for key in self._expected}

    def stored(self, key: str) -> Tensor:
        """Return the parameter or statistic itself, before its sign."""
        tensor = getattr(self, registered(key))
        assert isinstance(tensor, Tensor)
        return tensor
