"""How near the currents of a fixed-point network can come to the wrap of their 24-bit register."""

from __future__ import annotations

import numpy as np

from msc.compiler.fixed.loads import signed_sums
from msc.ir.fixed import weighted_ops
from msc.ir.linear import Floats
from msc.ir.network import Model, Population, Projection
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Quantise, Scale
from msc.ir.step import LARGEST_STATE, WEIGHT_UNIT

WRAP = (LARGEST_STATE + 1) // WEIGHT_UNIT  # in units of weight


def head_room_used(population: Population, fixed: Model) -> Floats:
    """Bound the largest current that any input and any spikes can cause, as a share of the wrap, [C].

    max(sum of positive weights, sum of negative ones) over all projections, each message at its limit;
    what a current keeps of earlier steps makes that at most 4096 / (decay_u + 1) times as much. Below 1 the
    wrap is never reached.
    """
    assert isinstance(population.neuron, FixedLIF)
    parts = [_extremes(projection, fixed) for projection in fixed.network.into(population.name)]
    positive, negative = (np.sum([part[side] for part in parts], axis=0) for side in (0, 1))
    most = np.maximum(positive, negative) * 4096 / (population.neuron.decay_u + 1)
    return np.asarray(most / WRAP, np.float64)


def _extremes(projection: Projection, fixed: Model) -> tuple[Floats, Floats]:
    """The largest and the least (as a magnitude) sum that a projection delivers in a step, [C]."""
    ((index, _),) = weighted_ops(projection)
    weight = fixed.weights[projection.weight_key(index)]
    positive, negative = signed_sums(weight.reshape(len(weight), -1))
    match projection.ops:
        case (*_, Quantise(limit=limit), Scale(factor=factor)):
            most = np.full(len(weight), limit * factor)
            return most, most
        case (Quantise(limit=limit), *_):
            return limit * (positive + negative), limit * (positive + negative)
        case _:
            return positive, negative
