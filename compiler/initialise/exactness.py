"""Counts the bits a model's values need, to prove that float32 computes them without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, frexp, log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Array, Model, Network, Population, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes, projection_shapes

BUDGET_BITS = 24
_INPUT_BITS = 4  # analog inputs are drawn as multiples of 1/16


@dataclass(frozen=True)
class Grid:
    """Values that are multiples of 2^exponent and at most units * 2^exponent in magnitude."""

    exponent: int
    units: float


def overhead_bits(neuron: Neuron, steps: int) -> int:
    """Bits that T steps of a neuron's dynamics add to those of its input current.

    With tau 2 each step but the first halves the grid, the membrane stays below twice the current, and
    v_leak - V + r I below four times. The synaptic current of CubaLIF adds two bits; IF only adds up.
    """
    match neuron:
        case LIF() | LI():
            return steps + 1
        case CubaLIF():
            return steps + 3
        case IF():
            return ceil(log2(steps)) + 1
        case Source() | FixedLIF():
            return 0


def cells_before(network: Network, projection: Projection, shapes: dict[str, Shape]) -> float:
    """How much a projection's pools and input grid enlarge the magnitude of its current, in grid units."""
    cells = float(2**_INPUT_BITS) if _is_analog(network, projection.source) else 1.0
    for op in projection.ops:
        if isinstance(op, SumPool2d | AvgPool2d):
            cells *= prod(op.kernel)
    return cells


def is_exact(model: Model, inputs: NDArray[Any], steps: int) -> bool:
    """Whether float32 computes this model on these inputs without any rounding, in whatever order it sums.

    Then zero differing spikes can be demanded (design, section 6.1). Sufficient, not necessary: no norms,
    time constants of 2 steps, gains that are powers of two, inputs that are multiples of 1/16 in [-1, 1], and
    all values within 24 bits.
    """
    values = np.asarray(inputs, np.float64)
    on_grid = bool(np.all(np.abs(values) <= 1) and np.all(values * 2**_INPUT_BITS % 1 == 0))
    binary = any(
        isinstance(p.neuron, Source) and p.neuron.kind is InputKind.EVENTS for p in model.network.populations
    )
    return (
        (on_grid or binary)
        and all(_is_dyadic_neuron(p, model.network) for p in model.network.populations)
        and all(_is_dyadic_projection(p) for p in model.network.projections)
        and max(bits_needed(model, steps).values()) <= BUDGET_BITS
    )


def _is_dyadic_neuron(population: Population, network: Network) -> bool:
    match population.neuron:
        case Source():
            return True
        case FixedLIF():
            return False
        case LIF() as neuron:
            return neuron.tau == 2 and _is_power_of_two(neuron.r)
        case LI() as neuron:
            return neuron.tau == 2 and _is_power_of_two(neuron.r) and not network.out_of(population.name)
        case IF() as neuron:
            return _is_power_of_two(neuron.r)
        case CubaLIF() as neuron:
            gains = _is_power_of_two(neuron.r) and _is_power_of_two(neuron.w_in)
            return neuron.tau_syn == neuron.tau_mem == 2 and gains


def _is_dyadic_projection(projection: Projection) -> bool:
    averages = [op for op in projection.ops if isinstance(op, AvgPool2d)]
    return projection.norm is None and all(_is_power_of_two(prod(op.kernel)) for op in averages)


def _is_power_of_two(value: float) -> bool:
    return abs(frexp(value)[0]) == 0.5


def bits_needed(model: Model, steps: int | None = None) -> dict[str, float]:
    """Bits that the values of each population span: partial sums, current and membrane over all T steps."""
    network = model.network
    steps = steps or network.timesteps or 8
    shapes = population_shapes(network)
    needed: dict[str, float] = {}
    for population in network.populations:
        if population.is_source:
            continue
        grids = [_projection_grid(model, p, shapes) for p in network.into(population.name)]
        if population.bias:
            grids.append(array_grid(model.weights[population.bias_key]))
        neuron = population.neuron
        resting = [getattr(neuron, name, 0.0) for name in ("v_leak", "v_reset", "v_threshold")]
        grids += [array_grid(np.array([value], np.float32)) for value in resting if value]
        lowest = min(grid.exponent for grid in grids)
        units = sum(grid.units * 2.0 ** (grid.exponent - lowest) for grid in grids)
        needed[population.name] = ceil(log2(max(units, 1.0))) + overhead_bits(neuron, steps)
    return needed


def array_grid(values: Array) -> Grid:
    """Find the coarsest grid that holds all values."""
    nonzero = np.abs(values[values != 0]).astype(np.float64)
    if not nonzero.size:
        return Grid(0, 0.0)
    mantissa, exponent = np.frexp(nonzero)
    integers = (mantissa * 2.0**24).astype(np.int64)
    trailing = np.log2((integers & -integers).astype(np.float64)).astype(np.int64)
    lowest = int((exponent - 24 + trailing).min())
    return Grid(lowest, float(nonzero.max()) / 2.0**lowest)


def _is_analog(network: Network, name: str) -> bool:
    neuron = network.population(name).neuron
    return isinstance(neuron, Source) and neuron.kind is not InputKind.EVENTS


def _projection_grid(model: Model, projection: Projection, shapes: dict[str, Shape]) -> Grid:
    """Follow the grid and the largest magnitude (of any partial sum) through a projection's ops."""
    analog = _is_analog(model.network, projection.source)
    grid = Grid(-_INPUT_BITS, 2.0**_INPUT_BITS) if analog else Grid(0, 1.0)
    chain = projection_shapes(projection, shapes[projection.source])
    for index, op in enumerate(projection.ops):
        assert chain[index]
        match op:
            case Conv2d() | Conv1d() | Linear():
                weight = model.weights[projection.weight_key(index)]
                own = array_grid(weight)
                sums = np.abs(weight.astype(np.float64)).reshape(len(weight), -1).sum(axis=1)
                total = float(sums.max(initial=0.0)) / 2.0**own.exponent
                grid = Grid(grid.exponent + own.exponent, grid.units * total)
            case SumPool2d() | AvgPool2d():
                grid = Grid(grid.exponent, grid.units * prod(op.kernel))
            case Scale():
                own = array_grid(np.array([op.factor], np.float32))
                grid = Grid(grid.exponent + own.exponent, grid.units * own.units)
            case Flatten() | Quantise():
                pass
    return grid
