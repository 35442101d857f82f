"""Counts the bits a model's values need, to prove that float32 computes them without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np

from msc.ir.network import Array, Model, Network, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, Shape, SumPool2d
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
        case Source():
            return 0


def cells_before(network: Network, projection: Projection, shapes: dict[str, Shape]) -> float:
    """How much a projection's pools and input grid enlarge the magnitude of its current, in grid units."""
    cells = float(2**_INPUT_BITS) if _is_analog(network, projection.source) else 1.0
    for op in projection.ops:
        if isinstance(op, SumPool2d | AvgPool2d):
            cells *= prod(op.kernel)
    return cells


def bits_needed(model: Model) -> dict[str, float]:
    """Bits that the values of each population span: partial sums, current and membrane over all T steps."""
    network = model.network
    steps = network.timesteps or 8
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
            case Conv2d() | Linear():
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
            case Flatten():
                pass
    return grid
