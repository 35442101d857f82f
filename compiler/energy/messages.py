"""Counts the messages that a spike makes between the cores of a chip, and how far they go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from msc.compiler.energy.profile import EnergyProfile, EnergyProfileError
from msc.compiler.placement.connections import Connection, Reach, connections, union
from msc.compiler.placement.model import Placement
from msc.ir.activity import Integers, Quantity, Readout
from msc.ir.network import Model
from msc.ir.shapes import population_shapes

_COUNTED = (
    Quantity.MESSAGES,
    Quantity.WITHIN_TILE,
    Quantity.EAST_WEST,
    Quantity.NORTH_SOUTH,
    Quantity.BETWEEN_CHIPS,
)
_MESH = ("cores_per_tile", "tiles_across", "tiles_down")


@dataclass(frozen=True)
class Mesh:
    """Where cores lie: `cores_per_tile` to a tile, tiles in rows of `tiles_across`, chip after chip.

    Core c of a chip lies on tile c // cores_per_tile, which is in column tile % tiles_across and in row
    tile // tiles_across.
    """

    cores_per_chip: int
    cores_per_tile: int
    tiles_across: int

    def ways(self, core: int, cores: int) -> dict[Quantity, Integers]:
        """Describe the messages to one core from each of the first `cores` cores: int64 [cores].

        Routing goes along one axis, then along the other: hops are the differences of columns and of rows.
        A message between chips has no hops here, as what a chip's border takes is not known.
        """
        chips, places = np.divmod(np.arange(cores, dtype=np.int64), self.cores_per_chip)
        rows, columns = np.divmod(places // self.cores_per_tile, self.tiles_across)
        inside = chips == chips[core]
        across, down = np.abs(columns - columns[core]), np.abs(rows - rows[core])
        return {
            Quantity.MESSAGES: np.ones(cores, dtype=np.int64),
            Quantity.WITHIN_TILE: (inside & (across + down == 0)).astype(np.int64),
            Quantity.EAST_WEST: across * inside,
            Quantity.NORTH_SOUTH: down * inside,
            Quantity.BETWEEN_CHIPS: (~inside).astype(np.int64),
        }


def message_readouts(machine: Model, placement: Placement, profile: EnergyProfile) -> tuple[Readout, ...]:
    """Weigh each neuron's spikes with the messages that they make: five columns for each population.

    A spike is sent once to each core that has a neuron with a synapse from it, its own core too where that
    has one (as axons are counted: `Resource.OUTPUT_AXONS`); over which projections does not matter, nor
    their delays, which the target keeps. So messages are of every spike of the run, those whose events come
    after its end too. They lie on one tile, take hops between tiles of a chip, or go to another chip, whose
    ways have no published energy: these are counted, no more. Messages of the network's input come from off
    the chip and have no way on it that is known; those that read the output are not known either. Neither is
    counted.

    Empty where the profile has no mesh. Raises EnergyProfileError where the mesh is smaller than the chip
    that the network is placed on.
    """
    mesh = _mesh(placement, profile)
    if mesh is None:
        return ()
    assert all(placed.tile is not None for placed in placement.populations)  # else there are problems
    shapes = population_shapes(machine.network)
    homes = _homes(placement)
    counts = {
        name: {q: np.zeros(home.size, dtype=np.int64) for q in _COUNTED} for name, home in homes.items()
    }
    joined = connections(machine.network, machine.weights)
    for core in range(len(placement.cores)):
        ways = mesh.ways(core, len(placement.cores))
        for source, neurons in _reading(placement, core, joined):
            if source in homes:  # the network's source lies off the chip
                for quantity in _COUNTED:
                    counts[source][quantity][neurons] += ways[quantity][homes[source][neurons]]
    return tuple(
        Readout((quantity, name), name, counted.reshape(shapes[name]))
        for name, by_quantity in counts.items()
        for quantity, counted in by_quantity.items()
    )


def _mesh(placement: Placement, profile: EnergyProfile) -> Mesh | None:
    if any(name not in profile.numbers for name in _MESH):
        return None
    per_tile, across, down = (profile.numbers[name].whole for name in _MESH)
    if per_tile * across * down < placement.cores_per_chip:
        raise EnergyProfileError.of(
            f"energy profile {profile.name}",
            f"has {across} x {down} tiles of {per_tile} cores, {placement.profile.name}, on which the network"
            f" is placed, {placement.cores_per_chip} cores a chip",
            "choose the energy profile of that chip, or place the network on the chip of this profile",
        )
    return Mesh(placement.cores_per_chip, per_tile, across)


def _homes(placement: Placement) -> Mapping[str, Integers]:
    """Find the core of every neuron on the chip: int64 [neurons] by population."""
    homes = {placed.name: np.full(placed.shape, -1, dtype=np.int64) for placed in placement.populations}
    for number, core in enumerate(placement.cores):
        for block in core.blocks:
            homes[block.population][block.slices] = number
    return {name: home.reshape(-1) for name, home in homes.items()}


def _reading(
    placement: Placement, core: int, joined: tuple[Connection, ...]
) -> Iterator[tuple[str, Integers]]:
    """List the neurons that some neuron of a core reads: flat indices by source population, each once."""
    found: dict[str, list[Reach]] = {}
    for block in placement.cores[core].blocks:
        for connection in joined:
            if connection.target == block.population:
                found.setdefault(connection.source, []).append(connection.reach(block))
    for source, reaches in found.items():
        yield source, _flat(union(reaches))


def _flat(reach: Reach) -> Integers:
    if reach.flat is not None:
        return reach.flat
    return np.ravel_multi_index(np.ix_(*reach.axes), reach.shape).reshape(-1)
