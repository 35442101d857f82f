"""What cores hold, counted slowly: every synapse is an entry of an explicit matrix."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from msc.compiler.placement.blocks import Block
from msc.compiler.placement.connections import on_host
from msc.compiler.placement.model import Placement
from msc.ir.linear import apply_ops
from msc.ir.network import Model, Network, Projection
from msc.ir.ops import Quantise
from msc.ir.shapes import population_shapes, weight_shapes


@dataclass(frozen=True)
class Counted:
    """What one core uses."""

    neurons: int
    synapses: int
    stored: int
    input_axons: int
    output_axons: int


def numbered(model: Model | Network) -> dict[str, NDArray[np.int64]]:
    """Make, for every projection on the chip, a matrix [targets, sources] of the numbers of weights.

    0 is no synapse; an identity's weights are numbered by channel.
    """
    network, weights = (model, {}) if isinstance(model, Network) else (model.network, model.weights)
    shapes = population_shapes(network)
    sizes = weight_shapes(network)
    matrices: dict[str, NDArray[np.int64]] = {}
    for projection in network.projections:
        if on_host(projection):
            continue
        source = shapes[projection.source]
        every = np.eye(prod(source)).reshape(-1, *source)
        ops = tuple(op for op in projection.ops if not isinstance(op, Quantise))
        plain = Projection(projection.name, projection.source, projection.target, ops)
        key = projection.weight_key(len(projection.ops) - 1)
        if not ops:
            channel = np.indices(source)[0].ravel() + 1
            matrices[projection.name] = np.diag(channel)
            continue
        numbers = np.arange(1, prod(sizes[key]) + 1).reshape(sizes[key])
        if key in weights:
            numbers = numbers * (weights[key] != 0)
        current = apply_ops(plain, {plain.weight_key(len(ops) - 1): numbers}, every)  # type: ignore[dict-item]
        matrices[projection.name] = np.rint(current.reshape(len(every), -1).T).astype(np.int64)
    return matrices


def neurons_of(block: Block, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """List the flat indices of a block's neurons."""
    whole = (*shape, 1, 1)[:3]
    return np.arange(prod(shape)).reshape(whole)[block.slices].ravel()


def counted(model: Model | Network, placement: Placement) -> list[Counted]:
    """Count what every core of a placement uses."""
    network = model if isinstance(model, Network) else model.network
    shapes = population_shapes(network)
    matrices = numbered(model)
    reached_by: list[set[tuple[str, int]]] = []
    synapses: list[int] = []
    stored: list[int] = []
    for core in placement.cores:
        reached_by.append(set())
        synapses.append(0)
        stored.append(0)
        for block in core.blocks:
            rows = neurons_of(block, shapes[block.population])
            for projection in network.into(block.population):
                if projection.name not in matrices:
                    continue
                part = matrices[projection.name][rows]
                synapses[-1] += int(np.count_nonzero(part))
                stored[-1] += _lists(part, block)
                reached_by[-1] |= {(projection.source, int(i)) for i in np.flatnonzero(part.any(axis=0))}
    found: list[Counted] = []
    for core, *amounts, reached in zip(placement.cores, synapses, stored, reached_by, strict=True):
        held = {
            (block.population, int(i))
            for block in core.blocks
            for i in neurons_of(block, shapes[block.population])
        }
        output_axons = sum(len(held & others) for others in reached_by)
        found.append(Counted(len(held), amounts[0], amounts[1], len(reached), output_axons))
    return found


def _lists(part: NDArray[np.int64], block: Block) -> int:
    """Count synapses of a block's lists, those of axons that differ by where they lie only once."""
    places = np.array(list(product(*(range(side) for side in block.sides))))
    lists: set[frozenset[tuple[int, ...]]] = set()
    for axon in part.T:
        hit = np.flatnonzero(axon)
        if len(hit):
            at = places[hit]
            at[:, 1:] -= at[:, 1:].min(axis=0)
            lists.add(frozenset((*map(int, place), int(axon[i])) for place, i in zip(at, hit, strict=True)))
    return sum(map(len, lists))
