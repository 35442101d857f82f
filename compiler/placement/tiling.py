"""Chooses the tiles that populations are cut into, so that each fits a core by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from msc.compiler.placement.blocks import Shape3, tile_sizes
from msc.compiler.placement.capacity import Capacity, Resource
from msc.compiler.placement.connections import Integers
from msc.compiler.placement.demands import ONE, Demand

Tiles: TypeAlias = Mapping[str, Shape3]  # by population, those left out that no core holds a neuron of
Refused: TypeAlias = Mapping[str, Mapping[Resource, int]]  # what one neuron of those needs


def cut_all(order: Sequence[str], demands: Mapping[str, Demand], capacity: Capacity) -> tuple[Tiles, Refused]:
    """Choose a tile for every population, or say what one of its neurons needs more of than a core has.

    Where output axons are limited, smaller tiles of a population need more axons of those before it: cutting
    goes from the output back, again and again until all fit. It ends, as tiles only get more.
    """
    tiles: dict[str, Shape3] = {}
    refused: dict[str, Mapping[Resource, int]] = {}
    counted: dict[tuple[str, str, Shape3], Integers] = {}
    changed = True
    while changed:
        changed = False
        for demand in (demands[name] for name in reversed(order) if name not in refused):
            if Resource.OUTPUT_AXONS in capacity.limits:
                demand.reaching = _reaching(demand, demands, tiles, counted)
            before = tiles.pop(demand.name, None)
            if before is not None and not demand.exceeded(before):
                tiles[demand.name] = before
                continue
            changed = True
            fewest = 1 if before is None else number_of_tiles(demand.shape, before) + 1
            tile = choose_tile(demand, fewest)
            if tile is None:
                refused[demand.name] = demand.exceeded(ONE)
            else:
                tiles[demand.name] = tile
    return tiles, refused


def choose_tile(demand: Demand, fewest: int) -> Shape3 | None:
    """Choose the tile that makes the fewest tiles, at least `fewest`; None where one neuron is too much.

    Of tiles as many, those that the fewest axons lead to are taken.
    """
    tiles = np.array(np.meshgrid(*map(tile_sizes, demand.shape), indexing="ij")).reshape(3, -1).T
    numbers = np.prod(-(-np.array(demand.shape) // tiles), axis=1)
    one_fits = False
    for number in np.unique(numbers[numbers >= max(fewest, demand.fewest())]):
        same: list[Shape3] = [(int(c), int(h), int(w)) for c, h, w in tiles[numbers == number]]
        for tile in sorted(same, key=lambda tile: (demand.axons_in_all(tile), tile)):
            if not demand.exceeded(tile):
                return tile
        if not one_fits and demand.exceeded(ONE):
            return None
        one_fits = True
    return None  # tiles were single neurons before, and more are asked for


def number_of_tiles(shape: Shape3, tile: Shape3) -> int:
    """Count the tiles of a population."""
    return prod(-(-n // side) for n, side in zip(shape, tile, strict=True))


def _reaching(
    demand: Demand,
    demands: Mapping[str, Demand],
    tiles: Tiles,
    counted: dict[tuple[str, str, Shape3], Integers],
) -> Integers:
    """Count, for each neuron, the tiles that it reaches; `counted` keeps what is known by target and tile."""
    total = np.zeros(prod(demand.shape), dtype=np.int64)
    for target, tile in tiles.items():
        if not any(connection.source == demand.name for connection in demands[target].into):
            continue
        key = (demand.name, target, tile)
        if key not in counted:
            counted[key] = demands[target].grids.reaching(demand.name, tile)
        total += counted[key]
    return total.reshape(demand.shape)
