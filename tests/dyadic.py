"""Dyadic weights and inputs for test networks: k * 2^e, in few enough bits that float32 never rounds."""

from __future__ import annotations

from math import ceil, log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.graph import update_order
from msc.ir.linear import per_channel
from msc.ir.network import Array, Model, Network, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import Trace, simulate

MANTISSA_BITS = 24
STEPS = 6
BATCH = 3


def threshold(network: Network, name: str) -> float:
    """A population's threshold (LI: 1)."""
    neuron = network.population(name).neuron
    return neuron.v_threshold if isinstance(neuron, LIF | IF | CubaLIF) else 1.0


def sample_input(network: Network, seed: int = 0, batch: int = BATCH) -> Array:
    """Draw a dyadic input for the network's source: multiples of 1/16 in [0, 1], or events."""
    source, steps = network.source.neuron, steps_of(network)
    assert isinstance(source, Source)
    rng = np.random.default_rng(seed)
    match source.kind:
        case InputKind.STATIC:
            drawn = rng.integers(0, 17, (batch, *source.shape)) / 16
        case InputKind.ANALOG:
            drawn = rng.integers(0, 17, (steps, batch, *source.shape)) / 16
        case InputKind.EVENTS:
            drawn = rng.random((steps, batch, *source.shape)) < 0.4
    return drawn.astype(np.float32)


def steps_of(network: Network) -> int:
    """The number of steps a test runs the network for."""
    return network.timesteps or STEPS


def dyadic(network: Network, seed: int = 0) -> Model:
    """Fill a network (without norms) with dyadic weights under which its populations tend to be alive.

    Exponents follow the fan-in; then biases move by quarters of the threshold, a few rounds, until the
    rates on a drawn input lie in 5-70 %. The weights are made coarser (k a multiple of 2, 4, 8) as long as
    the bits do not fit float32; whether they do in the end is the caller's to ask (`bits_needed`).
    """
    for coarseness in (1, 2, 4, 8):
        model = _filled(network, seed, coarseness)
        if bits_needed(model) <= MANTISSA_BITS:
            break
    return model


def _filled(network: Network, seed: int, coarseness: int) -> Model:
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(network)
    biases = [p.bias_key for p in network.populations if p.bias_key in shapes]
    weights: dict[str, Array] = {key: np.zeros(shapes[key], np.float32) for key in biases}
    for projection in network.projections:
        for index in range(len(projection.ops)):
            key = projection.weight_key(index)
            if key in shapes:
                drawn = _draw(rng, projection.sign, shapes[key], coarseness)
                rivals = len(network.into(projection.target))
                free = projection.sign is Sign.FREE
                typical = (
                    5 * (prod(shapes[key][1:]) * rivals) ** 0.5
                    if free
                    else 3 * prod(shapes[key][1:]) * rivals
                )
                exponent = round(log2(threshold(network, projection.target) / typical))
                weights[key] = (drawn * 2.0**exponent).astype(np.float32)
    for _ in range(6):
        if not _rebias(network, weights, seed):
            break
    return Model(network, weights)


def _draw(rng: np.random.Generator, sign: Sign, shape: tuple[int, ...], coarseness: int) -> NDArray[np.int64]:
    """Draw k in -15..15, multiples of `coarseness`, of the projection's sign."""
    most = 15 // coarseness
    k = rng.integers(-most, most + 1, shape) * coarseness
    return k if sign is Sign.FREE else np.abs(k) if sign is Sign.EXCITATORY else -np.abs(k)


def _rebias(network: Network, weights: dict[str, Array], seed: int) -> bool:
    """Move the biases of populations that fire too little or too much; whether any moved."""
    network_input = sample_input(network, seed)
    trace = simulate(Model(network, weights), network_input, _simulated_steps(network))
    moved = False
    for population in network.populations:
        if population.bias_key not in weights or isinstance(population.neuron, LI):
            continue
        rate = trace.spikes[population.name].mean()
        if not 0.05 <= rate <= 0.7:
            quarter = np.float32(threshold(network, population.name) / 4)
            weights[population.bias_key] = weights[population.bias_key] + (
                quarter if rate < 0.05 else -quarter
            )
            moved = True
    return moved


def _simulated_steps(network: Network) -> int | None:
    source = network.source.neuron
    assert isinstance(source, Source)
    return steps_of(network) if source.kind is InputKind.STATIC else None


def run(model: Model, inputs: NDArray[Any]) -> Trace:
    """Simulate, recording every population's spikes and membranes."""
    return simulate(model, inputs, _simulated_steps(model.network), membranes=True)


def is_alive(spikes: NDArray[Any]) -> bool:
    """Whether spikes [T, B, ...] have a rate of 2-95 % and differ between samples."""
    return bool(0.02 <= spikes.mean() <= 0.95 and (spikes != spikes[:, :1]).any())


def grid_bits(values: NDArray[Any]) -> int:
    """The least g >= 0 for which all values are multiples of 2^-g."""
    return next(g for g in range(150) if (np.ldexp(values.astype(np.float64), g) % 1 == 0).all())


def bits_needed(model: Model) -> int:
    """Bound the bits of every number that a simulation meets: exact in float32 if <= 24.

    Grid: a current lies on the finest grid of what it sums; a leak of 1/tau refines the membrane's grid by
    log2(tau) bits a step. Magnitude: sums of |w| times the largest value of the source.
    """
    network, steps = model.network, steps_of(model.network)
    shapes = population_shapes(network)
    emitted = {p.name: (0, 1.0) for p in network.populations}
    source = network.source.neuron
    assert isinstance(source, Source)
    emitted[network.source.name] = (0 if source.kind is InputKind.EVENTS else 4, 1.0)
    worst = 0
    for name in update_order(network):
        population = network.population(name)
        if population.is_source:
            continue
        bias = model.weights.get(population.bias_key, np.zeros(shapes[name][0], np.float32))
        grid, size = grid_bits(bias), np.abs(per_channel(bias, len(shapes[name]))).max()
        for projection in network.into(name):
            part_grid, part_size = _through(projection, model, *emitted[projection.source])
            grid, size = max(grid, part_grid), size + part_size
        grid, size = _membrane(population.neuron, grid, float(size), steps)
        if isinstance(population.neuron, LI):
            emitted[name] = (grid, size)
        worst = max(worst, grid + ceil(log2(max(size, 1.0))) + 1)
    return worst


def _through(projection: Projection, model: Model, grid: int, size: float) -> tuple[int, float]:
    for index, op in enumerate(projection.ops):
        match op:
            case Conv2d() | Linear():
                weight = model.weights[projection.weight_key(index)]
                grid += grid_bits(weight)
                size *= float(np.abs(weight.reshape(len(weight), -1)).sum(axis=1).max())
            case AvgPool2d():
                grid += grid_bits(np.array([1 / prod(op.kernel)]))
            case SumPool2d():
                size *= prod(op.kernel)
            case Scale():
                grid += grid_bits(np.array([op.factor]))
                size *= abs(op.factor)
            case Flatten():
                pass
    return grid, size


def _membrane(neuron: object, grid: int, size: float, steps: int) -> tuple[int, float]:
    """Grid and magnitude of the membrane, from those of the current (v_leak and v_reset 0)."""
    match neuron:
        case LIF() | LI():
            gain = grid_bits(np.array([neuron.r / neuron.tau, 1 / neuron.tau]))
            return grid + gain + steps * grid_bits(np.array([1 / neuron.tau])), 2 * neuron.r * size
        case IF():
            return grid + grid_bits(np.array([neuron.r])), steps * neuron.r * size
        case CubaLIF():
            synaptic = _membrane(LI(neuron.tau_syn, neuron.w_in), grid, size, steps)
            return _membrane(LI(neuron.tau_mem, neuron.r), *synaptic, steps)
        case _:
            raise AssertionError(neuron)
