"""What a network stores: weights, how many of them are zero, other parameters, the state of its neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from msc.compiler.energy.updates import update
from msc.ir.fixed import weighted_ops
from msc.ir.network import Model, Projection
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Shape, weight_shape
from msc.ir.shapes import projection_shapes
from msc.ir.synapses import Wiring

FLOAT_BITS = 32


@dataclass(frozen=True)
class Structure:
    """Numbers that a network stores: weights (and the zeros among them) by projection, parameters, state.

    Parameters are biases, one per channel, and thresholds of fixed-point neurons; norms are folded. `states`
    counts the words of state of all neurons for one sample.
    """

    weights: Mapping[str, int]
    zeros: Mapping[str, int]
    parameters: int
    states: int

    @property
    def connection_sparsity(self) -> float:
        """NeuroBench's ConnectionSparsity: the share of weights that are zero (0 where there are none)."""
        weights = sum(self.weights.values())
        return sum(self.zeros.values()) / weights if weights else 0.0

    def footprint(self, weight_bits: int = FLOAT_BITS, state_bits: int = FLOAT_BITS) -> int:
        """NeuroBench's Footprint in bytes: all weights, zeros too, parameters, and one sample's state.

        Weights and parameters take `weight_bits` each, states `state_bits`.
        """
        stored = sum(self.weights.values()) + self.parameters
        return -(-(stored * weight_bits + self.states * state_bits) // 8)


def structure(model: Model, wiring: Wiring) -> Structure:
    """Count what a model stores; weights that it lacks are taken not to be zero."""
    network, shapes = model.network, wiring.shapes
    projections = network.projections
    neurons = [population for population in network.populations if not population.is_source]
    fixed = [population for population in neurons if isinstance(population.neuron, FixedLIF)]
    biased = [population for population in neurons if population.bias]
    return Structure(
        {p.name: weight_count(p, shapes[p.source]) for p in projections},
        {p.name: _zeros(p, model) for p in projections},
        sum(shapes[population.name][0] for population in (*biased, *fixed)),
        sum(update(p.neuron, False).states * prod(shapes[p.name]) for p in neurons),
    )


def weight_count(projection: Projection, source: Shape) -> int:
    """Count the weights of a projection out of a population of shape `source`, zeros too."""
    shapes = projection_shapes(projection, source)
    found = [weight_shape(op, shape) for op, shape in zip(projection.ops, shapes, strict=False)]
    return sum(prod(shape) for shape in found if shape is not None)


def _zeros(projection: Projection, model: Model) -> int:
    keys = [projection.weight_key(index) for index, _ in weighted_ops(projection)]
    arrays = [model.weights[key] for key in keys if key in model.weights]
    return sum(array.size - int(np.count_nonzero(array)) for array in arrays)
