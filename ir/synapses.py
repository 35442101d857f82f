"""Which neurons a projection joins, zero weights left out, and what one spike on it costs: AC or MAC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Model, Network, Projection, Weights
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.ops import Shape


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
    """Count the synapses of a projection out of a population of shape `source`."""
    raise NotImplementedError  # helper A


def wire(model: Model) -> Wiring:
    """Find the synapses of every projection of a model."""
    raise NotImplementedError  # helper A
