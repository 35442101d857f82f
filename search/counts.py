"""Counts what a projection costs: weights, multiply-accumulates per time step, and synapses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Projection
from msc.ir.ops import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    Op,
    Quantise,
    Scale,
    Shape,
    SumPool2d,
    Windowed,
    weight_shape,
)
from msc.ir.shapes import projection_shapes
from msc.ir.windows import OUTSIDE, window_places

WEIGHTS = "entries of convolution kernels and dense matrices; biases are counted apart, norms are folded"
MACS = (
    "per time step, every source neuron taken to fire: output positions x kernel taps x channels read"
    " x channels made, padding included; a pool makes each channel of one; identity and scale cost none"
)
SYNAPSES = "pairs of a source neuron and a target neuron that the ops connect, inside the borders of the map"

_Reads: TypeAlias = NDArray[np.bool_]  # [outputs, inputs] of one axis: which output index reads which input


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
    return Counts(
        sum(prod(shape) for shape in weights if shape), macs, int(fan_out(projection, source).sum())
    )


def _inputs_read(op: Op, shape: Shape) -> int:
    """How many inputs one output element of `op` reads, padding included."""
    match op:
        case Conv2d():
            return prod(op.kernel) * shape[0] // op.groups
        case Conv1d():
            return op.kernel * shape[0] // op.groups
        case AvgPool2d() | SumPool2d():
            return prod(op.kernel)
        case Linear():
            return shape[0]
        case Flatten() | Scale() | Quantise():
            return 0
        case _:
            assert_never(op)


def fan_out(projection: Projection, source: Shape) -> NDArray[np.int64]:
    """Count the neurons that each neuron of a population of shape `source` has synapses on.

    Windows connect channels, rows and columns each by themselves, so counts are products over the axes; a
    dense map joins each of its outputs to every neuron that reaches it. Shape as the source's.
    """
    shapes = projection_shapes(projection, source)
    axes: list[_Reads | None] = [None] * len(source)  # None: every index reads itself
    dense = 1
    for op, read, made in zip(projection.ops, shapes, shapes[1:], strict=False):
        match op:
            case Conv2d() | AvgPool2d() | SumPool2d():
                axes = [_through(*pair) for pair in zip(_window_reads(op, read, made), axes, strict=True)]
            case Conv1d():
                wide = _window_reads(op.in_two_axes, (read[0], 1, read[1]), (made[0], 1, made[1]))
                axes = [_through(*pair) for pair in zip((wide[0], wide[2]), axes, strict=True)]
            case Linear():
                dense = op.out_features
                axes = [None if axis is None else _anywhere(axis) for axis in axes]
            case Flatten() | Scale() | Quantise():
                pass
            case _:
                assert_never(op)
    counts = (_count(axis, size) for axis, size in zip(axes, source, strict=True))
    return dense * reduce(np.multiply.outer, counts)


def _window_reads(op: Windowed, read: Shape, made: Shape) -> tuple[_Reads | None, _Reads, _Reads]:
    """Say which channels, rows and columns of its input each of the outputs of `op` reads."""
    dilation = op.dilation if isinstance(op, Conv2d) else (1, 1)
    windows = zip(read[1:], made[1:], op.kernel, op.stride, op.padding, dilation, strict=True)
    rows, columns = (_taps(*window) for window in windows)
    if not isinstance(op, Conv2d):
        return None, rows, columns
    groups = np.eye(op.groups, dtype=bool)
    block = np.ones((made[0] // op.groups, read[0] // op.groups), dtype=bool)
    return np.kron(groups, block), rows, columns


def _taps(size: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> _Reads:
    """Mark the places inside the border that each position of a window reads along one axis."""
    places = window_places(size, outputs, kernel, stride, padding, dilation)
    inside = np.nonzero(places != OUTSIDE)
    reads = np.zeros((outputs, size), dtype=bool)
    reads[inside[0], places[inside]] = True
    return reads


def _through(reads: _Reads | None, before: _Reads | None) -> _Reads | None:
    """Say what an op reads of the input of the ops before it."""
    if reads is None or before is None:
        return before if reads is None else reads
    return reads.astype(np.float32) @ before.astype(np.float32) > 0


def _anywhere(reads: _Reads) -> _Reads:
    """Say what any output reads, as one output."""
    return np.logical_or.reduce(reads, axis=0, keepdims=True)


def _count(axis: _Reads | None, size: int) -> NDArray[np.int64]:
    """Count the outputs that read each index of an axis."""
    return np.ones(size, dtype=np.int64) if axis is None else axis.sum(axis=0, dtype=np.int64)
