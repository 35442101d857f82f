"""Finds the cycles whose delays are too short for a machine that takes one step per synapse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem
from msc.ir.graph import components
from msc.ir.network import Network

Ends: TypeAlias = tuple[str, str]


def infeasible_cycles(network: Network) -> tuple[Problem, ...]:
    """List, for each strongly connected component that cannot be retimed, a shortest cycle that forbids it.

    A cycle of n synapses takes n machine steps; the sum of its logical delays must be n or more.
    """
    delays: dict[Ends, int] = {}
    for projection in network.projections:
        ends = (projection.source, projection.target)
        delays[ends] = min(projection.delay, delays.get(ends, projection.delay))
    return tuple(_problems(components(network), delays))


def _problems(groups: tuple[tuple[str, ...], ...], delays: Mapping[Ends, int]) -> Iterator[Problem]:
    for members in groups:
        inside = {ends: delay for ends, delay in delays.items() if set(ends) <= set(members)}
        cycle = _shortest(members, inside)
        if not cycle:
            continue
        closed = (*cycle, cycle[0])
        total = sum(delays[ends] for ends in pairwise(closed))
        yield Problem(
            f"cycle {' -> '.join(closed)}",
            f"has {len(cycle)} synapses, each of which takes a machine step, but a delay of {total}",
            'give the genome "recurrence": "synaptic" (one step per synapse: another function, train again) '
            f"or delay the projections of the cycle by {len(cycle) - total} more",
        )


def _shortest(members: tuple[str, ...], delays: Mapping[Ends, int]) -> tuple[str, ...]:
    """Find a cycle with fewer steps of delay than synapses and as few synapses as possible; () if none.

    gain[s, n]: of all walks from s to n with so many synapses, the most by which they exceed their delay.
    The first walk back to its start with a gain > 0 is a cycle: a part of it with a gain would be shorter.
    """
    place = {name: i for i, name in enumerate(members)}
    size = len(members)
    gain = np.full((size, size), -np.inf)
    np.fill_diagonal(gain, 0)
    came_from: list[NDArray[np.int32]] = []
    for _ in members:
        longer, before = np.full((size, size), -np.inf), np.zeros((size, size), np.int32)
        for (source, target), delay in delays.items():
            reached = gain[:, place[source]] + 1 - delay
            better = reached > longer[:, place[target]]
            longer[better, place[target]] = reached[better]
            before[better, place[target]] = place[source]
        gain = longer
        came_from.append(before)
        found = np.flatnonzero(np.diagonal(gain) > 0)
        if len(found):
            return tuple(members[i] for i in _walked(int(found[0]), came_from))
    return ()


def _walked(start: int, came_from: list[NDArray[np.int32]]) -> list[int]:
    """Follow a walk from `start` to itself back, step by step; returns it from its start on."""
    walk = [start]
    for before in reversed(came_from):
        walk.append(int(before[start, walk[-1]]))
    return walk[:0:-1]
