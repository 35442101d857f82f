"""Counts synapses, stored weights and axons for all tiles of a population at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from msc.compiler.placement.blocks import Block, Shape3, blocks_of
from msc.compiler.placement.connections import (
    Connection,
    Integers,
    Mask,
    Reach,
    places_read,
    union,
)
from msc.ir.windows import OUTSIDE


@dataclass(frozen=True, eq=False)
class _Channels:
    """Tiles of target channels: kernel entries at each tap [n, kh, kw], and the source channels read.

    `sizes` [n] counts those channels; `is_product` says whether each of them is read by every tap.
    """

    entries: Integers
    read: tuple[Integers, ...]
    sizes: Integers
    is_product: bool


@dataclass(frozen=True, eq=False)
class _Places:
    """Tiles of rows or columns of a source of `size`: how often each tap lies inside the border [n, k].

    `read` lists the places that each tile reads, `sizes` [n] counts them.
    """

    tiles: list[Integers]
    size: int
    uses: Integers
    read: tuple[Integers, ...]
    sizes: Integers

    @cached_property
    def patterns(self) -> Integers:
        """Count [n, k], of the different sets of taps that read a place, those with tap k."""
        return np.stack([_patterns(tile, self.size) for tile in self.tiles])


class Grids:
    """The connections into a population of `shape`, counted for its tiles, whatever their size.

    Every count is an array over the tiles [channels, rows, columns]. Tables along each axis are kept: a
    size of tile is one of many combinations of few sides.
    """

    def __init__(self, shape: Shape3, into: Sequence[Connection]) -> None:
        self._shape = shape
        self._into = into
        self._channels: dict[tuple[int, int], _Channels] = {}
        self._places: dict[tuple[int, int, int], _Places] = {}

    def synapses(self, tile: Shape3) -> Integers:
        """Count synapses: pairs of a source neuron and a neuron of the tile, projection by projection."""
        total = self._zeros(tile)
        for channels, rows, columns in self._tables(tile):
            total += _products(channels.entries, rows.uses, columns.uses)
        return total

    def stored(self, tile: Shape3) -> Integers:
        """Count synapses where axons share lists.

        A list holds what one source neuron's axon reaches in a tile. Two axons share it if they have the
        same weights at the same distances: neurons of one source channel whose windows are cut alike by the
        borders of the map and of the tile.
        """
        total = self._zeros(tile)
        for channels, rows, columns in self._tables(tile):
            total += _products(channels.entries, rows.patterns, columns.patterns)
        return total

    def axons(self, tile: Shape3) -> tuple[Integers, bool]:
        """Count source neurons that reach each tile; False beside them where some are counted too often.

        They are where two projections start from one population, or where zeros make holes in a kernel.
        """
        total = self._zeros(tile)
        exact = len({c.source for c in self._into}) == len(self._into)
        for channels, rows, columns in self._tables(tile):
            total += _outer(channels.sizes, rows.sizes, columns.sizes)
            exact = exact and channels.is_product
        return total, exact

    def reaches(self, tile: Shape3, blocks: Sequence[Block]) -> list[tuple[tuple[str, Reach], ...]]:
        """Find what reaches each tile, in the order of `blocks`: each connection's source and reach."""
        by_connection: list[list[tuple[str, Reach]]] = []
        for connection, (channels, rows, columns) in zip(self._into, self._tables(tile), strict=True):
            if channels.is_product:
                axes = product(channels.read, rows.read, columns.read)
                found = [Reach(connection.source_shape, each) for each in axes]
            else:
                found = [connection.reach(block) for block in blocks]
            by_connection.append([(connection.source, reach) for reach in found])
        return list(zip(*by_connection, strict=True)) if by_connection else [()] * len(blocks)

    def reaching(self, source: str, tile: Shape3) -> Integers:
        """Count, for each neuron of a source population (flat), the tiles that it reaches."""
        tables = zip(self._into, self._tables(tile), strict=True)
        through = [(c, table) for c, table in tables if c.source == source]
        connection, (channels, *places) = through[0]
        if len(through) == 1 and channels.is_product:
            times = (
                _times(t.read, n) for t, n in zip((channels, *places), connection.source_shape, strict=True)
            )
            return _outer(*times).ravel()
        counts = np.zeros(prod(connection.source_shape), dtype=np.int64)
        for block in blocks_of(connection.target, self._shape, tile):
            union([c.reach(block) for c, _ in through]).count_in(counts)
        return counts

    def _zeros(self, tile: Shape3) -> Integers:
        return np.zeros([-(-n // side) for n, side in zip(self._shape, tile, strict=True)], dtype=np.int64)

    def _tables(self, tile: Shape3) -> list[tuple[_Channels, _Places, _Places]]:
        """Look up the tables of every connection, making those that are new."""
        found: list[tuple[_Channels, _Places, _Places]] = []
        for index, connection in enumerate(self._into):
            if (index, tile[0]) not in self._channels:
                self._channels[index, tile[0]] = _channels(connection, tile[0])
            for axis, places in ((1, connection.rows), (2, connection.columns)):
                if (index, axis, tile[axis]) not in self._places:
                    size = connection.source_shape[axis]
                    self._places[index, axis, tile[axis]] = _places(places, size, tile[axis])
            rows, columns = (self._places[index, axis, tile[axis]] for axis in (1, 2))
            found.append((self._channels[index, tile[0]], rows, columns))
        return found


def _channels(connection: Connection, side: int) -> _Channels:
    channels = connection.target_shape[0]
    tiles = [(start, min(start + side, channels)) for start in range(0, channels, side)]
    entries = np.stack([connection.entries(*tile) for tile in tiles])
    read, by_every_tap = zip(*(connection.channels_read(*tile) for tile in tiles), strict=True)
    return _Channels(entries, read, _sizes(read), all(by_every_tap))


def _places(places: Integers, size: int, side: int) -> _Places:
    tiles = [places[start : start + side] for start in range(0, len(places), side)]
    uses = np.stack([np.count_nonzero(tile != OUTSIDE, axis=0) for tile in tiles])
    read = tuple(places_read(tile) for tile in tiles)
    return _Places(tiles, size, uses, read, _sizes(read))


def _patterns(places: Integers, size: int) -> Integers:
    """Count, for each tap, the different sets of taps it is in that read one place."""
    read_by: Mask = np.zeros((size + 1, places.shape[1]), dtype=bool)  # the last row takes what lies outside
    read_by[places, np.arange(places.shape[1])] = True
    different = {row.tobytes(): row for row in read_by[:size]}
    return np.stack(list(different.values())).sum(axis=0, dtype=np.int64)


def _products(entries: Integers, rows: Integers, columns: Integers) -> Integers:
    """Sum over taps entries[c, k, l] rows[h, k] columns[w, l]: exact in float64, which is fast."""
    if bool((entries == entries[:, :1, :1]).all()):
        return _outer(entries[:, 0, 0], rows.sum(axis=1), columns.sum(axis=1))
    taps = rows[:, None, :, None] * columns[None, :, None, :]
    flat: NDArray[np.float64] = entries.reshape(len(entries), -1).astype(np.float64)
    sums = flat @ taps.reshape(-1, flat.shape[1]).astype(np.float64).T
    return np.rint(sums).astype(np.int64).reshape(len(entries), len(rows), len(columns))


def _outer(channels: Integers, rows: Integers, columns: Integers) -> Integers:
    return channels[:, None, None] * rows[:, None] * columns


def _times(read: Sequence[Integers], size: int) -> Integers:
    """Count how often each index is read."""
    return np.bincount(np.concatenate(list(read)), minlength=size)


def _sizes(read: Sequence[Integers]) -> Integers:
    return np.array([len(indices) for indices in read], dtype=np.int64)
