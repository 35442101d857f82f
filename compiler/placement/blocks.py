"""Blocks of neurons that lie together in a population, and how a population is cut into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.ops import Shape

Shape3: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Block:
    """The neurons from `start` to before `stop` of a population: channels, rows and columns."""

    population: str
    start: Shape3
    stop: Shape3

    @property
    def sides(self) -> Shape3:
        """Its size along each axis."""
        (a, b, c), (d, e, f) = self.start, self.stop
        return d - a, e - b, f - c

    @property
    def neurons(self) -> int:
        """How many neurons it has."""
        return prod(self.sides)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where it lies in an array of the population's three axes."""
        (a, b, c), (d, e, f) = self.start, self.stop
        return slice(a, d), slice(b, e), slice(c, f)


def in_three_axes(shape: Shape) -> Shape3:
    """See a population as channels, rows and columns: a vector of N is N channels of one neuron."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return shape[0], prod(shape[1:]), 1


def blocks_of(population: str, shape: Shape3, tile: Shape3) -> Iterator[Block]:
    """Cut a population into tiles, those at the far ends smaller, in the order of its neurons."""
    for start in product(*(range(0, n, t) for n, t in zip(shape, tile, strict=True))):
        c, h, w = (min(a + t, n) for a, t, n in zip(start, tile, shape, strict=True))
        yield Block(population, (start[0], start[1], start[2]), (c, h, w))


def tile_sizes(size: int) -> list[int]:
    """List the sizes that cut an axis into k as equal tiles as can be, for every k; the largest first."""
    pieces = np.arange(1, size + 1)
    return [int(n) for n in np.unique(-(-size // pieces))[::-1]]


def sums_over(values: NDArray[Any], tile: Shape3) -> NDArray[Any]:
    """Add up an array of three axes over the tiles of each axis."""
    for axis, side in enumerate(tile):
        values = np.add.reduceat(values, range(0, values.shape[axis], side), axis=axis)
    return values
