"""Initial weights as training would start from them: uniform, seeded by part name, norms as expected."""

from __future__ import annotations

from math import erfc, prod, sqrt

import numpy as np
from numpy.typing import NDArray

from msc.compiler.initialise.work import part_seed, signed
from msc.ir.network import Array, Model, Network, NormKind, Population, Projection
from msc.ir.neurons import IF, LIF, CubaLIF
from msc.ir.ops import AvgPool2d, Scale, Shape, SumPool2d, weight_shape
from msc.ir.shapes import norm_parameters, population_shapes, projection_shapes, weight_shapes

GAMMA = {NormKind.BATCH: 1.0, NormKind.SCALE: 0.5}


def initial_model(network: Network, seed: int) -> Model:
    """Draw initial weights: the same part gets the same draw in any network that has it under its name.

    Weights are U(-b, b) with b = 1 / sqrt(fan-in) (torch's default) where a norm follows, which makes their
    scale immaterial; without a norm b = sqrt(3 / (fan-in * m2)), m2 the mean square expected of the inputs,
    so that the current has variance 1, as behind a norm. Signed projections take |w| or -|w|.
    gamma is 1, and 0.5 for norms that do not centre (facts: signs); running statistics are those of inputs
    that fire independently at the rate expected. Biases are 0, but where nothing that enters has weights or a
    norm (SNASNet's identity and pool alone could never fire a neuron): see `_bias`.
    """
    shapes = population_shapes(network)
    arrays: dict[str, Array] = {}
    for projection in network.projections:
        for name, shape in _op_shapes(projection, shapes[projection.source]).items():
            arrays[name] = _drawn(network, projection, name, shape, seed)
        if projection.norm is not None:
            gamma = np.full(shapes[projection.target][0], GAMMA[projection.norm.kind])
            mean, variance = _raw_moments(network, projection, arrays, len(gamma))
            centred = projection.norm.kind is NormKind.BATCH
            start = {"gamma": gamma, "mean": mean, "var": variance if centred else mean**2 + variance}
            for parameter in norm_parameters(projection.norm.kind):
                arrays[projection.norm_key(parameter)] = start[parameter].astype(np.float32)
    for population in network.populations:
        if population.bias and not population.is_source:
            value = _bias(network, population, shapes)
            arrays[population.bias_key] = np.full(shapes[population.name][0], value, np.float32)
    return Model(network, {name: arrays[name] for name in weight_shapes(network, shapes)})


def _op_shapes(projection: Projection, source: Shape) -> dict[str, Shape]:
    """Shapes of the weights of a projection's ops, by name, out of a population of shape `source`."""
    chain = projection_shapes(projection, source)
    shapes = (weight_shape(op, shape) for op, shape in zip(projection.ops, chain, strict=False))
    return {projection.weight_key(i): shape for i, shape in enumerate(shapes) if shape is not None}


def _drawn(network: Network, projection: Projection, name: str, shape: Shape, seed: int) -> Array:
    rng = np.random.Generator(np.random.SFC64(part_seed(seed, name).tolist()))
    mean, variance = _delivered(network, projection)
    power = 3.0 if projection.norm is not None else mean**2 + variance
    bound = sqrt(3 / (prod(shape[1:]) * power))
    weight = rng.random(shape, dtype=np.float32)
    weight *= np.float32(2 * bound)
    weight -= np.float32(bound)
    return signed(weight, projection.sign)


def _delivered(network: Network, projection: Projection) -> tuple[float, float]:
    """Mean and variance expected of what a projection's pools make of its source, before any weights."""
    rate = expected_rate(network.population(projection.source))
    mean, variance = rate, rate * (1 - rate)
    for op in projection.ops:
        match op:
            case AvgPool2d():
                variance /= prod(op.kernel)
            case SumPool2d():
                mean, variance = mean * prod(op.kernel), variance * prod(op.kernel)
            case Scale():
                mean, variance = mean * op.factor, variance * op.factor**2
            case _:
                pass
    return mean, variance


def _raw_moments(
    network: Network, projection: Projection, arrays: dict[str, Array], channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance [C] expected of each channel's current before the norm, inputs being independent."""
    mean, variance = _delivered(network, projection)
    means, variances = np.full(channels, mean), np.full(channels, variance)
    for index in range(len(projection.ops)):
        weight = arrays.get(projection.weight_key(index))
        if weight is not None:
            flat = weight.reshape(len(weight), -1).astype(np.float64)
            means, variances = mean * flat.sum(axis=1), variance * np.square(flat).sum(axis=1)
    return means, variances


def expected_rate(population: Population) -> float:
    """How often a population fires under constant currents N(0, 1): P(I >= v_threshold / r).

    1/2 for a source and a leaky readout, of which nothing is known.
    """
    neuron = population.neuron
    if not isinstance(neuron, LIF | IF | CubaLIF) or neuron.r <= 0:
        return 0.5
    return max(erfc(neuron.v_threshold / neuron.r / sqrt(2)) / 2, 1e-3)


def _bias(network: Network, population: Population, shapes: dict[str, Shape]) -> float:
    """Bias a population that nothing with weights or a norm enters, so that it fires as others do.

    b = (v_threshold / r) (1 - sigma) - mu, for inputs of mean mu and deviation sigma: the threshold then lies
    as many deviations above the mean as it does under a normalised current.
    """
    incoming = network.into(population.name)
    weighted = any(p.norm is not None or _op_shapes(p, shapes[p.source]) for p in incoming)
    neuron = population.neuron
    if weighted or not incoming or not isinstance(neuron, LIF | IF | CubaLIF) or neuron.r <= 0:
        return 0.0
    moments = [_delivered(network, projection) for projection in incoming]
    deviation = sqrt(sum(variance for _, variance in moments))
    return neuron.v_threshold / neuron.r * (1 - deviation) - sum(mean for mean, _ in moments)
