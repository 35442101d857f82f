"""What a fixed-point model in logical time must keep to, told by plain arithmetic on every weight."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from msc.ir.linear import apply_ops
from msc.ir.network import Model, Population, Projection
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Conv2d, Linear, Quantise, Scale
from msc.ir.shapes import population_shapes

WRAP = 2**23


def out_of_range(model: Model) -> Iterator[str]:
    """Say what Loihi could not hold: weights, thresholds, biases, and currents some input could cause."""
    for projection in model.network.projections:
        key, host = weight_key(projection), isinstance(projection.ops[-1], Scale)
        weight = model.weights[key]
        if weight.min() >= 0:
            allowed = (weight <= 255).all()
        elif weight.max() <= 0:
            allowed = (weight >= -255).all()
        else:
            allowed = ((weight >= -256) & (weight <= 254) & (weight % 2 == 0)).all()
        if not (np.abs(weight) <= 32767).all() if host else not allowed:
            yield f"{key}: {weight.min()} to {weight.max()}"
    for population in model.network.populations:
        if not population.is_source:
            yield from _population(population, model)


def _population(population: Population, model: Model) -> Iterator[str]:
    threshold = model.weights[population.threshold_key]
    if threshold.min() < 1 or threshold.max() > 131071 or len(np.unique(threshold)) > 16:
        yield f"{population.threshold_key}: {np.unique(threshold)}"
    bias = model.weights[population.bias_key] if population.bias else np.zeros(1)
    into = model.network.into(population.name)
    added = [
        p.ops[-2].limit for p in into if isinstance(p.ops[-1], Scale) and isinstance(p.ops[-2], Quantise)
    ]
    steps = {round(64 * p.ops[-1].factor) for p in into if isinstance(p.ops[-1], Scale)}
    if not any(
        (bias % 2**e == 0).all() and np.abs(bias).max() / 2**e + sum(added) <= 4095 and steps <= {2**e}
        for e in range(8)
    ):
        yield f"{population.bias_key}: {bias}, plus {added} times {steps}"
    reached = largest_current(population, model)
    if reached >= WRAP:
        yield f"{population.name}: a current of {reached}"


def largest_current(population: Population, model: Model) -> float:
    """The largest magnitude of u that spikes and messages at their limits can build up in any neuron."""
    assert isinstance(population.neuron, FixedLIF)
    positive = negative = np.zeros(1)
    for projection in model.network.into(population.name):
        above, below = extremes(projection, model)
        positive, negative = positive + above, negative + below
    each = 64 * float(np.maximum(positive, negative).max())
    kept = 0.0
    for _ in range(60_000):
        last, kept = kept, np.trunc(kept * (4095 - population.neuron.decay_u) / 4096) + each
        if kept == last:
            return kept
    return np.inf


def extremes(projection: Projection, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """The largest and the least (as a magnitude) that a projection delivers to each neuron, by its matrix."""
    shape = population_shapes(model.network)[projection.source]
    basis = np.eye(prod(shape)).reshape(-1, *shape)
    match projection.ops:
        case (*_, Quantise(limit=limit), Scale(factor=factor)):
            most = np.full(1, limit * factor)
            return most, most
        case (Quantise(limit=limit), *_):
            matrix = apply_ops(projection, model.weights, 1e9 * basis)  # each message alone, at its limit
            assert np.abs(matrix).max(initial=0) <= limit * 256
            most = np.abs(matrix).reshape(len(basis), -1).sum(axis=0)
            return most, most
        case _:
            matrix = apply_ops(projection, model.weights, basis).reshape(len(basis), -1)
            return np.maximum(matrix, 0).sum(axis=0), np.maximum(-matrix, 0).sum(axis=0)


def weight_key(projection: Projection) -> str:
    """The name of the weights of a projection that is one kernel."""
    (index,) = [i for i, op in enumerate(projection.ops) if isinstance(op, Conv2d | Linear)]
    return projection.weight_key(index)
