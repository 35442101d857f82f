"""Which neurons a projection joins, zero weights left out, and what one spike on it costs: AC or MAC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from msc.ir.counts import fan_out
from msc.ir.fixed import weighted_ops
from msc.ir.network import Model, Network, Projection, Weights
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.ops import Scale, Shape
from msc.ir.paths import count_reached
from msc.ir.shapes import population_shapes
from msc.ir.taps import Indices, Mask, in_three_axes, stages


class Operation(Enum):
    """What one synaptic event costs: an accumulation (a spike selects weights), or a multiplication, too."""

    AC = "ac"
    MAC = "mac"


@dataclass(frozen=True, eq=False)
class Synapses:
    """The synapses of one projection: pairs of a source and a target neuron that its ops connect.

    `structural` counts all pairs inside the borders of the maps, `nonzero` those joined by at least one path
    of non-zero weights. `fan_out` is the latter for each source neuron, int64 of the source's shape: a spike
    of neuron n makes fan_out[n] synaptic events.
    """

    structural: int
    nonzero: int
    fan_out: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wiring:
    """A network with the shapes of its populations and the synapses of its projections, by name."""

    network: Network
    shapes: Mapping[str, Shape]
    synapses: Mapping[str, Synapses]

    @property
    def structural(self) -> int:
        """All synapses: what a dense network of this topology multiplies in one pass."""
        return sum(each.structural for each in self.synapses.values())

    @property
    def nonzero(self) -> int:
        """The synapses with weights that are not zero."""
        return sum(each.nonzero for each in self.synapses.values())


def operation(network: Network, projection: Projection) -> Operation:
    """Decide from the graph what an event on a projection costs: AC iff its source sends spikes or events.

    Analog and static sources and leaky integrators send values: each is multiplied.
    """
    neuron = network.population(projection.source).neuron
    if isinstance(neuron, Source):
        return Operation.AC if neuron.kind is InputKind.EVENTS else Operation.MAC
    return Operation.MAC if isinstance(neuron, LI) else Operation.AC


def synapses(projection: Projection, source: Shape, weights: Weights) -> Synapses:
    """Count the synapses of a projection out of a population of shape `source`.

    Weights that are not given are taken as non-zero. A `Scale` of 0, or a norm's gamma of 0, cuts what it
    scales. Joining is boolean: paths whose weights would cancel are synapses, and several paths between two
    neurons are one.
    """
    structural = fan_out(projection, source)
    reached = structural
    kept = weights.get(projection.norm_key("gamma"))
    masks = {
        i: weights[key] != 0
        for i, _ in weighted_ops(projection)
        if (key := projection.weight_key(i)) in weights
    }
    if any(isinstance(op, Scale) and op.factor == 0 for op in projection.ops):
        reached = np.zeros_like(structural)
    elif (kept is not None and not kept.all()) or not all(mask.all() for mask in masks.values()):
        reached = _reached(projection, source, masks, None if kept is None else kept != 0)
    return Synapses(int(structural.sum()), int(reached.sum()), reached)


def wire(model: Model) -> Wiring:
    """Find the synapses of every projection of a model."""
    network = model.network
    shapes = population_shapes(network)
    found = {p.name: synapses(p, shapes[p.source], model.weights) for p in network.projections}
    return Wiring(network, shapes, found)


def _reached(projection: Projection, source: Shape, masks: Mapping[int, Mask], kept: Mask | None) -> Indices:
    """Count the neurons that each source neuron reaches, shape as the source's.

    `masks` says, by op, which weights are not 0, `kept` which channels at the end the norm does not cut.
    """
    chain, made = stages(projection, source, masks)
    if kept is not None:
        groups, outputs = chain[-1].nonzero.shape[:2]
        if kept.size == groups * outputs:
            rows = kept.reshape(groups, outputs, 1, 1, 1)
            chain = (*chain[:-1], replace(chain[-1], nonzero=chain[-1].nonzero & rows))
            kept = None
        else:  # after a Flatten every neuron is a channel of the norm
            kept = kept.reshape(made)
    return count_reached(chain, in_three_axes(source), kept).reshape(source)
