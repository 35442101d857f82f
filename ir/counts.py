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
    weight_shape,
)
from msc.ir.shapes import projection_shapes
from msc.ir.windows import OUTSIDE, Places, distinct, through, windows

WEIGHTS = "entries of convolution kernels and dense matrices; biases are counted apart, norms are folded"
MACS = (
    "per time step, every source neuron taken to fire: output positions x kernel taps x channels read"
    " x channels made, padding included; a pool makes each channel of one; identity and scale cost none"
)
SYNAPSES = "pairs of a source neuron and a target neuron that the ops connect, inside the borders of the map"

_Ranges: TypeAlias = NDArray[np.int64]
"""[channels, 2]: of which input channels, from the first up to the second, each channel reads."""


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
    # Every axis is counted by itself, so that a large map takes no array of its neurons.
    dense, axes = _fan_out(projection, source)
    synapses = dense * prod(int(axis.sum()) for axis in axes)
    return Counts(sum(prod(shape) for shape in weights if shape), macs, synapses)


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

    Shape as the source's.
    """
    dense, axes = _fan_out(projection, source)
    return dense * reduce(np.multiply.outer, axes)


def _fan_out(projection: Projection, source: Shape) -> tuple[int, list[NDArray[np.int64]]]:
    """Count, along each axis, the outputs that read each index; their product times the first number counts.

    Windows connect channels, rows and columns each by themselves, so counts are products over the axes; a
    dense map joins each of its outputs to every neuron that reaches it.
    """
    shapes = projection_shapes(projection, source)
    channels: _Ranges | None = None  # None, here and below: every index reads itself
    axes: list[Places | None] = [None] * (len(source) - 1)
    dense = 1
    for op, read, made in zip(projection.ops, shapes, shapes[1:], strict=False):
        match op:
            case Conv2d() | AvgPool2d() | SumPool2d():
                axes = [through(*pair) for pair in zip(windows(op, read, made), axes, strict=True)]
            case Conv1d():
                window = windows(op.in_two_axes, (read[0], 1, read[1]), (made[0], 1, made[1]))
                axes = [through(window[1], axes[0])]
            case Linear():
                dense = op.out_features
                channels = None if channels is None else _hull(channels)
                axes = [None if axis is None else _anywhere(axis) for axis in axes]
            case Flatten() | Scale() | Quantise():
                pass
            case _:
                assert_never(op)
        if isinstance(op, Conv2d | Conv1d):
            channels = _of_groups(op.groups, read[0], made[0], channels)
    return dense, [_channel_counts(channels, source[0]), *map(_count, axes, source[1:])]


def _of_groups(groups: int, read: int, made: int, before: _Ranges | None) -> _Ranges:
    """Say which channels each channel that a grouped convolution makes reads, through the ops before it."""
    first = np.arange(made, dtype=np.int64) // (made // groups) * (read // groups)
    ranges = np.stack([first, first + read // groups], axis=1)
    if before is None:
        return ranges
    return np.stack([before[ranges[:, 0], 0], before[ranges[:, 1] - 1, 1]], axis=1)


def _hull(ranges: _Ranges) -> _Ranges:
    """Say what any channel reads, as one: groups leave no channel out, so that there is no gap."""
    return np.array([[ranges[:, 0].min(), ranges[:, 1].max()]])


def _channel_counts(ranges: _Ranges | None, size: int) -> NDArray[np.int64]:
    if ranges is None:
        return np.ones(size, dtype=np.int64)
    starts, stops = (np.bincount(ranges[:, end], minlength=size + 1) for end in (0, 1))
    return np.cumsum(starts - stops)[:size]


def _anywhere(places: Places) -> Places:
    """Say what any output reads, as one output."""
    return distinct(np.unique(places)[None])


def _count(places: Places | None, size: int) -> NDArray[np.int64]:
    """Count the outputs that read each index of an axis."""
    if places is None:
        return np.ones(size, dtype=np.int64)
    return np.bincount(places[places != OUTSIDE], minlength=size)
