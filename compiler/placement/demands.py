"""What one population needs of cores, counted for tiles of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from msc.compiler.placement.blocks import Block, Shape3, blocks_of, sums_over
from msc.compiler.placement.capacity import Capacity, Resource
from msc.compiler.placement.connections import Connection, Integers, Reach, union
from msc.compiler.placement.grids import Grids
from msc.compiler.placement.thresholds import Thresholds

ONE: Shape3 = (1, 1, 1)


class Demand:
    """What a population needs; amounts are arrays over its tiles [channels, rows, columns].

    `reaching` is the number of cores that each neuron sends spikes to [C, H, W], zeros as long as that is
    not known. It is the one thing that changes: the targets' tiles decide it.
    """

    def __init__(
        self,
        name: str,
        shape: Shape3,
        into: Sequence[Connection],
        thresholds: Thresholds,
        capacity: Capacity,
    ) -> None:
        self.name = name
        self.shape = shape
        self.reaching: Integers = np.zeros(shape, dtype=np.int64)
        self.into = into
        self.thresholds = thresholds
        self._capacity = capacity
        self.grids = Grids(shape, into)

    def memory(self, tile: Shape3) -> Integers:
        """Count the bits of synaptic memory."""
        counted = self.grids.stored(tile) if self._capacity.shares else self.grids.synapses(tile)
        return self._capacity.weight_bits * counted

    def exceeded(self, tile: Shape3) -> dict[Resource, int]:
        """List the resources that some tile needs more of than a core has, with the most that one needs.

        Only the first that is found, unless tiles are single neurons.
        """
        found: dict[Resource, int] = {}
        for resource, most in self._needs(tile):
            if not self._capacity.holds(resource, most):
                found[resource] = most
                if tile != ONE:
                    break
        return found

    def _needs(self, tile: Shape3) -> Iterator[tuple[Resource, int]]:
        """Find the most that one tile needs of each resource, cheap ones first."""
        yield Resource.NEURONS, prod(min(t, n) for t, n in zip(tile, self.shape, strict=True))
        yield Resource.THRESHOLDS, self.thresholds.most(tile[0])
        if Resource.MEMORY in self._capacity.limits:
            yield Resource.MEMORY, int(self.memory(tile).max())
        if Resource.OUTPUT_AXONS in self._capacity.limits:
            yield Resource.OUTPUT_AXONS, int(sums_over(self.reaching, tile).max())
        if Resource.INPUT_AXONS in self._capacity.limits:
            yield Resource.INPUT_AXONS, self._input_axons(tile)

    def _input_axons(self, tile: Shape3) -> int:
        """Find the most input axons of a tile.

        Where fast counting counts some twice, tiles are counted one by one until it is clear who fits.
        """
        limit = self._capacity.limits[Resource.INPUT_AXONS]
        counted, is_exact = self.grids.axons(tile)
        counted = np.minimum(counted, self.grids.synapses(tile))  # no axon without a synapse
        if is_exact or counted.max() <= limit:
            return int(counted.max())
        tiles = list(blocks_of(self.name, self.shape, tile))
        most = 0
        for index in (int(i) for i in np.argsort(-counted, axis=None, kind="stable")):
            if most > limit or counted.flat[index] <= limit:
                break
            most = max(most, axons_of(self.into, tiles[index]))
        return most

    def axons_in_all(self, tile: Shape3) -> int:
        """Sum the input axons of all tiles, counting those of parallel projections apart."""
        return int(self.grids.axons(tile)[0].sum())

    def totals(self) -> dict[Resource, int]:
        """Sum what all neurons need of the limited resources that grow with neurons, however they are cut."""
        found = {Resource.NEURONS: prod(self.shape), Resource.OUTPUT_AXONS: int(self.reaching.sum())}
        if not self._capacity.shares:
            found[Resource.MEMORY] = int(self.memory(self.shape).sum())
        return {resource: total for resource, total in found.items() if resource in self._capacity.limits}

    def fewest(self) -> int:
        """Bound from below how many tiles are needed."""
        return max(-(-total // self._capacity.limits[r]) for r, total in self.totals().items())


def axons_of(into: Sequence[Connection], block: Block) -> int:
    """Count the neurons that reach a block, each once."""
    reaches: dict[str, list[Reach]] = {}
    for connection in into:
        reaches.setdefault(connection.source, []).append(connection.reach(block))
    return sum(union(found).size for found in reaches.values())
