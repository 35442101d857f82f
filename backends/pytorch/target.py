"""The `pytorch` target: a network as two files that need torch and safetensors, nothing of msc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msc.backends.pytorch.source import bias_shape, generate, weight_names
from msc.backends.weights import write_weights
from msc.compiler.contracts import NO_LABELS, CompileError, Emission, Labels, Option, Options, Property
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import floating_point_only
from msc.ir.hashing import network_hash
from msc.ir.network import Model
from msc.ir.shapes import population_shapes, weight_shapes

FORMAT = "msc.pytorch"


@dataclass(frozen=True)
class PyTorchTarget:
    """Emits network.py, readable and trainable, and the weights.safetensors it loads."""

    name: str = "pytorch"
    requires: frozenset[Property] = frozenset({Property.LIVE, Property.NORMS_FOLDED})
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """Refuse fixed-point networks; whatever else the IR can say, torch can compute."""
        return floating_point_only(model.network, "PyTorch")

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Write the source and the weights; the same model gives the same bytes."""
        raise_all(CompileError, self.refusals(model, options))
        network = model.network
        names = weight_names(network)
        shapes = population_shapes(network)
        weights = {names[key]: model.weights[key] for key in weight_shapes(network, shapes)}
        for population in network.populations:
            if population.bias and not population.is_source:
                key = names[population.bias_key]
                weights[key] = weights[key].reshape(bias_shape(shapes[population.name]))
        metadata = {"format": FORMAT, "network": network_hash(network)}
        files = {
            "network.py": generate(network).encode(),
            "weights.safetensors": write_weights(weights, metadata),
        }
        return Emission(files)


TARGET = PyTorchTarget()
