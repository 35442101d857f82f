"""Puts blocks of neurons into cores, each into the first that has room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from msc.compiler.placement.blocks import Block, Shape3
from msc.compiler.placement.capacity import Capacity, Resource
from msc.compiler.placement.connections import Integers, Reach, union
from msc.compiler.placement.thresholds import Threshold

_ADDED = (Resource.NEURONS, Resource.MEMORY, Resource.OUTPUT_AXONS)  # what blocks need adds up


@dataclass(frozen=True, eq=False)
class Piece:
    """A block with what it needs: amounts that add up, thresholds, and the neurons that reach it.

    `synapses` counts all, `stored` those that differ where axons share lists; `reaches` are source
    population and reach, one for each connection into the block.
    """

    block: Block
    amounts: Mapping[Resource, int]
    synapses: int
    stored: int
    thresholds: frozenset[Threshold]
    reaches: tuple[tuple[str, Reach], ...]


@dataclass
class _Core:
    pieces: list[Piece] = field(default_factory=list[Piece])
    thresholds: frozenset[Threshold] = frozenset()


def pack(pieces: Iterable[Piece], capacity: Capacity) -> tuple[tuple[Piece, ...], ...]:
    """Put each piece, in order, into the first core that holds it beside what is there; list the cores.

    A core that one block was too much for is not tried again for those of its population and size.
    """
    cores: list[_Core] = []
    used: Integers = np.zeros((len(_ADDED), 0), dtype=np.int64)
    most = np.array([capacity.limits.get(r, np.iinfo(np.int64).max // 2) for r in _ADDED])[:, None]
    first: dict[tuple[str, Shape3], int] = {}
    for piece in pieces:
        kind = (piece.block.population, piece.block.sides)
        needed = np.array([piece.amounts[r] for r in _ADDED])[:, None]
        start = first.get(kind, 0)
        room = start + np.flatnonzero((used[:, start:] + needed <= most).all(axis=0))
        place = next((int(i) for i in room if _fits(cores[int(i)], piece, capacity)), len(cores))
        if place == len(cores):
            cores.append(_Core())
            used = np.concatenate([used, np.zeros_like(needed)], axis=1)
        cores[place].pieces.append(piece)
        cores[place].thresholds |= piece.thresholds
        used[:, place] += needed[:, 0]
        first[kind] = place
    return tuple(tuple(core.pieces) for core in cores)


def sources_of(pieces: Sequence[Piece]) -> dict[str, list[Reach]]:
    """Collect what reaches the blocks of a core, by source population."""
    found: dict[str, list[Reach]] = {}
    for piece in pieces:
        for source, reach in piece.reaches:
            found.setdefault(source, []).append(reach)
    return found


def _fits(core: _Core, piece: Piece, capacity: Capacity) -> bool:
    """Whether thresholds and input axons, which blocks may share, leave room for a piece."""
    if not capacity.holds(Resource.THRESHOLDS, len(core.thresholds | piece.thresholds)):
        return False
    if Resource.INPUT_AXONS not in capacity.limits:
        return True
    sources = sources_of([*core.pieces, piece])
    at_most = sum(reach.size for reaches in sources.values() for reach in reaches)
    return capacity.holds(Resource.INPUT_AXONS, at_most) or capacity.holds(
        Resource.INPUT_AXONS, sum(union(reaches).size for reaches in sources.values())
    )
