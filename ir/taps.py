"""Reads a chain of ops as weighted ops whose taps join the indices of each axis, pools taken into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    Quantise,
    Scale,
    Shape,
    SumPool2d,
    output_shape,
)
from msc.ir.windows import OUTSIDE, Places, through, windows

Indices: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Map: TypeAlias = tuple[int, int, int]
"""Channels, rows and columns."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How a weighted op, with the pools around it, joins the `size` inputs of one axis and its outputs.

    Pair p joins input `inputs[p]` with output `outputs[p]` by each of the taps `sets[kinds[p]]`. Pairs are
    ordered by input, then by output.
    """

    size: int
    inputs: Indices
    outputs: Indices
    kinds: Indices
    sets: tuple[Indices, ...]

    @property
    def by_single_taps(self) -> bool:
        """Whether no pair is joined by more than one tap."""
        return all(len(taps) == 1 for taps in self.sets)


@dataclass(frozen=True, eq=False)
class Stage:
    """A weighted op with the pools around it: which weights are not 0, and what its taps join.

    `nonzero` is [groups, out / groups, in / groups, rows, columns]; a matrix is a kernel as large as the map,
    at one position. Input (c, y, x) and output (d, v, u) of one group are joined iff nonzero[.., d, c, k, n]
    for some tap k of `rows` that joins y and v, and some n of `columns` that joins x and u.
    """

    nonzero: Mask
    rows: Axis
    columns: Axis


@dataclass(frozen=True, eq=False)
class _Kernel:
    """A weighted op: the input that each tap reads at each output, and the pools `before` it, by axis."""

    shape: Map
    nonzero: Mask
    places: tuple[Places, Places]
    before: tuple[Places | None, Places | None]


def stages(
    projection: Projection, source: Shape, nonzero: Mapping[int, Mask]
) -> tuple[tuple[Stage, ...], Map]:
    """Read the ops of a projection as weighted ops; returns them and the map they make, not flattened.

    `nonzero` says, by op, which weights are not 0; an op that it leaves out has no zeros. A chain without
    weights is read as a 1x1 convolution of every channel by itself.
    """
    kernels: list[_Kernel] = []
    pooled: tuple[Places | None, Places | None] = (None, None)
    begins = shape = in_three_axes(source)
    for index, op in enumerate(projection.ops):
        match op:
            case AvgPool2d() | SumPool2d():
                made = in_three_axes(output_shape(op, shape))
                rows, columns = windows(op, shape, made)
                pooled = through(rows, pooled[0]), through(columns, pooled[1])
                shape = made
                continue
            case Flatten() | Scale() | Quantise():
                continue
            case Conv2d() | Conv1d():
                flat = op if isinstance(op, Conv2d) else op.in_two_axes
                made = in_three_axes(output_shape(flat, shape))
                groups, kernel, places = op.groups, flat.kernel, windows(flat, shape, made)
            case Linear():
                made = (op.out_features, 1, 1)
                groups, kernel, places = 1, shape[1:], (_line(shape[1]).T, _line(shape[2]).T)
            case _:
                assert_never(op)
        size = (groups, made[0] // groups, shape[0] // groups, *kernel)
        mask = nonzero.get(index, np.broadcast_to(np.True_, prod(size)))
        kernels.append(_Kernel(begins, mask.reshape(size), places, pooled))
        pooled, begins, shape = (None, None), made, made
    if not kernels:
        each = np.ones((shape[0], 1, 1, 1, 1), np.bool_)
        kernels, pooled = [_Kernel(begins, each, (_line(shape[1]), _line(shape[2])), pooled)], (None, None)
    *others, last = kernels
    return (*(_stage(kernel, (None, None)) for kernel in others), _stage(last, pooled)), shape


def in_three_axes(shape: Shape) -> Map:
    """See a population as channels, rows and columns: a vector of N is N channels of one neuron."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return shape[0], 1, prod(shape[1:])


def _line(size: int) -> Places:
    """Places of a single tap that reads, at every position, what lies there."""
    return np.arange(size, dtype=np.int64)[:, None]


def _stage(kernel: _Kernel, after: tuple[Places | None, Places | None]) -> Stage:
    parts = zip(kernel.shape[1:], kernel.places, kernel.before, after, strict=True)
    rows, columns = (_axis(*part) for part in parts)
    return Stage(kernel.nonzero, rows, columns)


def _axis(size: int, places: Places, before: Places | None, after: Places | None) -> Axis:
    """Find the pairs of an axis, through the pools before and after a kernel."""
    outputs, taps = np.nonzero(places != OUTSIDE)
    inputs = places[outputs, taps]
    if before is not None:
        link, inputs = _read(before[inputs])
        outputs, taps = outputs[link], taps[link]
    if after is not None:
        order = np.argsort(outputs, kind="stable")
        reader, made = _read(after)
        first, end = (np.searchsorted(outputs[order], made, side) for side in ("left", "right"))
        number = end - first
        each: Indices = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
        link = order[np.repeat(first, number) + each]
        inputs, outputs, taps = inputs[link], np.repeat(reader, number), taps[link]
    return _paired(size, np.unique(np.stack([inputs, outputs, taps], axis=1), axis=0))


def _read(places: Places) -> tuple[Indices, Indices]:
    """List what each output reads inside the border: outputs and inputs."""
    outputs, reads = np.nonzero(places != OUTSIDE)
    return outputs, places[outputs, reads]


def _paired(size: int, links: Indices) -> Axis:
    """Join the links (input, output, tap), in order, that have both ends in common."""
    if not len(links):
        return Axis(size, links[:, 0], links[:, 1], links[:, 2], ())
    new = np.append(True, (links[1:, :2] != links[:-1, :2]).any(axis=1))
    first, pair = np.flatnonzero(new), np.cumsum(new) - 1
    place = np.arange(len(links)) - first[pair]
    taps = np.full((len(first), int(place.max()) + 1), OUTSIDE)
    taps[pair, place] = links[:, 2]
    sets, kinds = np.unique(taps, axis=0, return_inverse=True)
    found = tuple(each[each != OUTSIDE] for each in sets)
    return Axis(size, links[first, 0], links[first, 1], kinds.reshape(-1), found)
