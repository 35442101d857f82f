"""How a network's weights are stored for its stand-alone module: the names and shapes of its state dict."""

from __future__ import annotations

from dataclasses import dataclass

from msc.backends.pytorch.identifiers import identifiers
from msc.backends.pytorch.source import bias_shape
from msc.ir.network import Network
from msc.ir.ops import Shape
from msc.ir.shapes import population_shapes, weight_shapes


@dataclass(frozen=True)
class Stored:
    """One weight in the module's state dict, and its shape in the IR."""

    name: str
    shape: Shape
    in_ir: Shape


def stored_weights(network: Network) -> dict[str, Stored]:
    """Say how each weight of the network, by its IR name, is stored; biases are shaped to broadcast."""
    names, shapes = identifiers(network), population_shapes(network)
    expected = weight_shapes(network, shapes)
    stored: dict[str, Stored] = {}
    for population in network.populations:
        key = population.bias_key
        if key in expected:
            name = f"{names.populations[population.name]}.bias"
            stored[key] = Stored(name, bias_shape(shapes[population.name]), expected[key])
    for projection in network.projections:
        for index in range(len(projection.ops)):
            key = projection.weight_key(index)
            if key in expected:
                inside = f".{index}" if len(projection.ops) > 1 else ""
                name = f"{names.projections[projection.name]}{inside}.weight"
                stored[key] = Stored(name, expected[key], expected[key])
    return stored
