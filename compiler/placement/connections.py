"""Which neurons the neurons of a population read, found for blocks of them without a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.compiler.placement.blocks import Block, Shape3, in_three_axes
from msc.ir.fixed import on_host
from msc.ir.network import Network, Projection, Weights
from msc.ir.ops import Conv2d, Flatten, Linear, Quantise, Shape
from msc.ir.shapes import population_shapes
from msc.ir.windows import OUTSIDE, window_places

Mask: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reach:
    """Neurons of a population: the product of `axes` (indices along each), or listed by `flat` index."""

    shape: Shape3
    axes: tuple[Integers, ...] = ()
    flat: Integers | None = None

    @property
    def size(self) -> int:
        """How many neurons there are."""
        return prod(len(axis) for axis in self.axes) if self.flat is None else len(self.flat)

    def mark(self, mask: Mask) -> None:
        """Set the neurons in a mask over the population, flat."""
        if self.flat is not None:
            mask[self.flat] = True
        else:
            mask.reshape(self.shape)[_index(self.axes)] = True

    def count_in(self, counts: Integers) -> None:
        """Add one to the neurons' entries of an array over the population, flat."""
        if self.flat is not None:
            counts[self.flat] += 1
        else:
            counts.reshape(self.shape)[_index(self.axes)] += 1


@dataclass(frozen=True, eq=False)
class Connection:
    """The synapses of one projection: each target channel reads windows of the source channels of its group.

    Shapes have three axes; a matrix is a 1x1 convolution of vectors, which are channels of one neuron.
    `kernel` says which entries [out, in / groups, kh, kw] are no zeros (None: all); `rows` and `columns`
    which place each tap reads at each position (`window_places`).
    """

    source: str
    target: str
    source_shape: Shape3
    target_shape: Shape3
    groups: int
    kernel: Mask | None
    rows: Integers
    columns: Integers

    def entries(self, start: int, stop: int) -> Integers:
        """Count the kernel's entries of the target channels start..stop-1 at each tap: [kh, kw]."""
        if self.kernel is not None:
            return np.count_nonzero(self.kernel[start:stop], axis=(0, 1))
        each = (stop - start) * (self.source_shape[0] // self.groups)
        return np.full((self.rows.shape[1], self.columns.shape[1]), each, dtype=np.int64)

    def channels_read(self, start: int, stop: int) -> tuple[Integers, bool]:
        """List the source channels that target channels start..stop-1 read.

        True beside them where each is read by every tap: then whole rows and columns of it are.
        """
        if self.kernel is None:
            ins, outs = (shape[0] // self.groups for shape in (self.source_shape, self.target_shape))
            return np.arange(start // outs * ins, ((stop - 1) // outs + 1) * ins), True
        taps = self._taps(start, stop)
        some = taps.any(axis=(1, 2))
        return np.flatnonzero(some), bool(np.array_equal(some, taps.all(axis=(1, 2))))

    def reach(self, block: Block) -> Reach:
        """Find the source neurons that some neuron of a block of the target reads."""
        (first, top, left), (last, bottom, right) = block.start, block.stop
        rows, columns = self.rows[top:bottom], self.columns[left:right]
        channels, by_every_tap = self.channels_read(first, last)
        if by_every_tap:
            return Reach(self.source_shape, (channels, places_read(rows), places_read(columns)))
        taps = self._taps(first, last)
        mask = np.zeros(self.source_shape, dtype=bool)
        for k, n in product(range(rows.shape[1]), range(columns.shape[1])):
            channels = np.flatnonzero(taps[:, k, n])
            mask[np.ix_(channels, places_read(rows[:, k]), places_read(columns[:, n]))] = True
        return Reach(self.source_shape, flat=np.flatnonzero(mask))

    def _taps(self, start: int, stop: int) -> Mask:
        """Mark the taps of source channels that some of the target channels use: [in, kh, kw]."""
        assert self.kernel is not None
        ins, outs = (shape[0] // self.groups for shape in (self.source_shape, self.target_shape))
        used = np.zeros((self.groups, ins, *self.kernel.shape[2:]), dtype=bool)
        for group in range(start // outs, (stop - 1) // outs + 1):
            first, last = max(start, group * outs), min(stop, (group + 1) * outs)
            used[group] = self.kernel[first:last].any(axis=0)
        return used.reshape(-1, *used.shape[2:])


def union(reaches: Sequence[Reach]) -> Reach:
    """Join reaches into the same population: the neurons that are in some of them."""
    if len(reaches) == 1:
        return reaches[0]
    mask = np.zeros(prod(reaches[0].shape), dtype=bool)
    for reach in reaches:
        reach.mark(mask)
    return Reach(reaches[0].shape, flat=np.flatnonzero(mask))


def places_read(places: Integers) -> Integers:
    """List the places inside the border, each once."""
    return np.unique(places[places != OUTSIDE])


def connections(network: Network, weights: Weights) -> tuple[Connection, ...]:
    """List the synapses that lie on the chip, projection by projection.

    Where a projection's weights are given, zeros are no synapses; where not, all entries are synapses. A
    projection that the host evaluates, whose current becomes a bias, has none. Every other is an identity,
    a convolution or a matrix, as `single_kernels` leaves them.
    """
    shapes = population_shapes(network)
    return tuple(
        _connection(projection, shapes[projection.source], shapes[projection.target], weights)
        for projection in network.projections
        if not on_host(projection)
    )


def _index(axes: Sequence[Integers]) -> tuple[Any, ...]:
    """Index an array by the product of axes; by slices, which is faster, where they have no gaps."""
    if all(len(axis) and axis[-1] - axis[0] == len(axis) - 1 for axis in axes):
        return tuple(slice(int(axis[0]), int(axis[-1]) + 1) for axis in axes)
    return np.ix_(*axes)


def _connection(projection: Projection, source: Shape, target: Shape, weights: Weights) -> Connection:
    ops = tuple(op for op in projection.ops if not isinstance(op, Quantise))
    kernel = _nonzero(weights, projection.weight_key(len(projection.ops) - 1))
    ends = projection.source, projection.target
    read, made = in_three_axes(source), in_three_axes(target)
    match ops:
        case ():
            rows, columns = _every(read[1]), _every(read[2])
            return Connection(*ends, read, made, read[0], None, rows, columns)
        case (Conv2d() as op,):
            windows = zip(read[1:], made[1:], op.kernel, op.stride, op.padding, op.dilation, strict=True)
            rows, columns = (window_places(*window) for window in windows)
            return Connection(*ends, read, made, op.groups, kernel, rows, columns)
        case (Linear(),) | (Flatten(), Linear()):
            matrix = None if kernel is None else kernel[:, :, None, None]
            return Connection(*ends, (prod(source), 1, 1), made, 1, matrix, _every(1), _every(1))
        case _:
            names = " > ".join(type(op).__name__ for op in ops)
            raise AssertionError(f"projection {projection.name}: {names} is no single kernel")


def _nonzero(weights: Weights, key: str) -> Mask | None:
    """Mark what is no zero; None where weights are not given or hold no zero."""
    weight = weights.get(key)
    return None if weight is None or bool(np.all(weight)) else weight != 0


def _every(size: int) -> Integers:
    """Places of a single tap that reads at every position what lies there."""
    return np.arange(size, dtype=np.int64)[:, None]
