"""Counts what a projection costs: weights, multiply-accumulates per time step, and synapses."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias, assert_never

from msc.ir.network import Projection
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, Shape, SumPool2d, weight_shape
from msc.ir.shapes import projection_shapes

WEIGHTS = "entries of convolution kernels and dense matrices; biases are counted apart, norms are folded"
MACS = (
    "per time step, every source neuron taken to fire: output positions x kernel taps x channels read"
    " x channels made, padding included; a pool makes each channel of one; identity and scale cost none"
)
SYNAPSES = "pairs of a source neuron and a target neuron that the ops connect, inside the borders of the map"

_Reads: TypeAlias = list[frozenset[int]]  # for each output index of an axis, the source indices it reads


@dataclass(frozen=True)
class Counts:
    """What one projection holds and does; `WEIGHTS`, `MACS` and `SYNAPSES` say how each is counted."""

    weights: int
    macs: int
    synapses: int


def count(projection: Projection, source: Shape) -> Counts:
    """Count a projection out of a population of shape `source`."""
    shapes = projection_shapes(projection, source)
    weights = [weight_shape(op, shape) for op, shape in zip(projection.ops, shapes, strict=False)]
    macs = sum(
        prod(made) * _inputs_read(op, read)
        for op, read, made in zip(projection.ops, shapes, shapes[1:], strict=False)
    )
    return Counts(sum(prod(shape) for shape in weights if shape), macs, _synapses(projection.ops, source))


def _inputs_read(op: Op, shape: Shape) -> int:
    """How many inputs one output element of `op` reads, padding included."""
    match op:
        case Conv2d():
            return prod(op.kernel) * shape[0] // op.groups
        case AvgPool2d() | SumPool2d():
            return prod(op.kernel)
        case Linear():
            return shape[0]
        case Flatten() | Scale():
            return 0
        case _:
            assert_never(op)


def _synapses(ops: tuple[Op, ...], source: Shape) -> int:
    """Count connected pairs of neurons through the whole chain.

    What windows connect is a product over channels, rows and columns: count each axis and multiply. A dense
    map joins each of its outputs to every neuron that reaches it.
    """
    channels = [range(i, i + 1) for i in range(source[0])]
    axes = [[frozenset((i,)) for i in range(size)] for size in source[1:]]
    dense = 0
    for op in ops:
        match op:
            case Conv2d() | AvgPool2d() | SumPool2d():
                dilation = op.dilation if isinstance(op, Conv2d) else (1, 1)
                windows = zip(axes, op.kernel, op.stride, op.padding, dilation, strict=True)
                axes = [_windowed(axis, *window) for axis, *window in windows]
                channels = _mixed(channels, op) if isinstance(op, Conv2d) else channels
            case Linear():
                dense = op.out_features
            case Flatten() | Scale():
                pass
            case _:
                assert_never(op)
    if dense:
        read = (len(frozenset().union(*axis)) for axis in axes)
        return dense * _span(channels) * prod(read)
    return sum(map(len, channels)) * prod(sum(map(len, axis)) for axis in axes)


def _windowed(axis: _Reads, kernel: int, stride: int, padding: int, dilation: int) -> _Reads:
    """Read through windows that slide over an axis: what the taps inside the border read."""
    outputs = (len(axis) + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    places = ([o * stride - padding + dilation * tap for tap in range(kernel)] for o in range(outputs))
    return [
        frozenset().union(*(axis[place] for place in window if 0 <= place < len(axis))) for window in places
    ]


def _mixed(channels: list[range], op: Conv2d) -> list[range]:
    """Read through a convolution's groups; blocks of channels stay blocks, as groups are contiguous."""
    read, made = len(channels) // op.groups, op.out_channels // op.groups
    blocks = [range(channels[g * read].start, channels[(g + 1) * read - 1].stop) for g in range(op.groups)]
    return [blocks[o // made] for o in range(op.out_channels)]


def _span(channels: list[range]) -> int:
    return max(block.stop for block in channels) - min(block.start for block in channels)
