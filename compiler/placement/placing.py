"""Places a network that is in machine time on the cores of a chip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from msc.compiler.placement.blocks import blocks_of, in_three_axes, sums_over
from msc.compiler.placement.capacity import Capacity, Resource, capacity_of
from msc.compiler.placement.connections import Connection, connections, union
from msc.compiler.placement.demands import Demand
from msc.compiler.placement.model import Core, Placed, Placement
from msc.compiler.placement.packing import Piece, pack, sources_of
from msc.compiler.placement.profile import Profile
from msc.compiler.placement.rules import broken_rules, too_large
from msc.compiler.placement.thresholds import Threshold, thresholds_of
from msc.compiler.placement.tiling import Tiles, cut_all
from msc.compiler.timing import relay_of, start_of
from msc.ir.errors import Problem
from msc.ir.graph import update_order
from msc.ir.network import Model, Network, Weights
from msc.ir.shapes import population_shapes


def place(machine: Model | Network, profile: Profile) -> Placement:
    """Place a network's neurons, relays included, on as few cores as its populations' tiles need.

    Each population is cut into equal tiles of channels, rows and columns, the fewest that fit a core each;
    tiles go, in the order populations start, into the first core that has room. Every core keeps every
    limit of the profile; what no core holds is among the placement's problems. Where weights are not given,
    every entry of a kernel or matrix is a synapse. The source lies off the chip: its neurons take input
    axons and no core. Every projection is an identity, a convolution or a matrix.
    """
    model = Model(machine) if isinstance(machine, Network) else machine
    network, weights = model.network, model.weights
    capacity = capacity_of(profile)
    joined = connections(network, weights)
    demands = _demands(network, weights, joined, capacity)
    tiles, refused = cut_all(list(demands), demands, capacity)
    packed = pack(_pieces(demands, tiles, capacity), capacity)
    problems = list(broken_rules(network, weights, profile))
    for name in (name for name in demands if name in refused):
        problems += too_large(name, refused[name], capacity.limits, profile.name)
    return Placement(
        profile,
        tuple(Placed(name, d.shape, tiles.get(name), relay_of(name)) for name, d in demands.items()),
        _cores(packed, demands),
        tuple(problems),
    )


def least_cores(machine: Model, profile: Profile) -> int:
    """Bound from below the cores that a network needs: what all its neurons need, over what a core has.

    Much faster than placing it.
    """
    capacity = capacity_of(profile)
    joined = connections(machine.network, machine.weights)
    demands = _demands(machine.network, machine.weights, joined, capacity).values()
    totals = [demand.totals() for demand in demands]
    return max(-(-sum(t[r] for t in totals) // capacity.limits[r]) for r in totals[0])


def placement_problems(placement: Placement) -> tuple[Problem, ...]:
    """List what of a network a chip cannot do, or no core holds (empty: it fits the chips it needs)."""
    return placement.problems


def _demands(
    network: Network, weights: Weights, joined: Sequence[Connection], capacity: Capacity
) -> dict[str, Demand]:
    """Gather what every population needs, in the order in which they start."""
    shapes = population_shapes(network)
    order = {name: index for index, name in enumerate(update_order(network))}
    neurons = [population for population in network.populations if not population.is_source]
    demands: dict[str, Demand] = {}
    for population in sorted(neurons, key=lambda p: (start_of(p), order[p.name])):
        name, shape = population.name, in_three_axes(shapes[population.name])
        into = [connection for connection in joined if connection.target == name]
        demands[name] = Demand(name, shape, into, thresholds_of(population, shape[0], weights), capacity)
    return demands


def _pieces(demands: Mapping[str, Demand], tiles: Tiles, capacity: Capacity) -> Iterator[Piece]:
    """Cut the populations that fit, in order, and count what each block needs."""
    for name, demand in demands.items():
        if name not in tiles:
            continue
        tile = tiles[name]
        synapses, stored = demand.grids.synapses(tile).ravel(), demand.grids.stored(tile).ravel()
        axons = sums_over(demand.reaching, tile).ravel()
        blocks = list(blocks_of(name, demand.shape, tile))
        reaches = demand.grids.reaches(tile, blocks)
        for index, block in enumerate(blocks):
            counted = stored if capacity.shares else synapses
            amounts = {
                Resource.NEURONS: block.neurons,
                Resource.MEMORY: capacity.weight_bits * int(counted[index]),
                Resource.OUTPUT_AXONS: int(axons[index]),
            }
            thresholds = demand.thresholds.of(block.start[0], block.stop[0])
            yield Piece(block, amounts, int(synapses[index]), int(stored[index]), thresholds, reaches[index])


def _cores(packed: Sequence[Sequence[Piece]], demands: Mapping[str, Demand]) -> tuple[Core, ...]:
    """Count exactly what cores use: neurons that several of a core's blocks read take one axon."""
    reaching = {name: np.zeros(demand.shape, dtype=np.int64) for name, demand in demands.items()}
    input_axons: list[int] = []
    for pieces in packed:
        read = {source: union(reaches) for source, reaches in sources_of(pieces).items()}
        input_axons.append(sum(reach.size for reach in read.values()))
        for source, reach in read.items():
            if source in reaching:  # the network's source lies off the chip
                reach.count_in(reaching[source].reshape(-1))
    return tuple(
        Core(
            tuple(piece.block for piece in pieces),
            {
                Resource.NEURONS: sum(piece.amounts[Resource.NEURONS] for piece in pieces),
                Resource.MEMORY: sum(piece.amounts[Resource.MEMORY] for piece in pieces),
                Resource.INPUT_AXONS: axons,
                Resource.OUTPUT_AXONS: sum(
                    int(reaching[p.block.population][p.block.slices].sum()) for p in pieces
                ),
                Resource.THRESHOLDS: len(frozenset[Threshold]().union(*(p.thresholds for p in pieces))),
            },
            sum(piece.synapses for piece in pieces),
            sum(piece.stored for piece in pieces),
        )
        for pieces, axons in zip(packed, input_axons, strict=True)
    )
