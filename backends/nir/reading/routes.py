"""The ways that signals take through linear nodes, from one population to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from msc.backends.nir.reading.flattening import FlatEdge
from msc.backends.nir.reading.pieces import Link, Piece
from msc.ir.errors import Problem
from msc.ir.verify import MAX_DELAY

MOST_ROUTES = 10_000
MOST_NODES = 200_000  # on all routes together


@dataclass(frozen=True)
class Route:
    """A way from a node through linear `nodes` to a population or the output.

    `delay` is in steps; `place` is the position of its last edge in the file.
    """

    source: str
    nodes: tuple[str, ...]
    target: str
    delay: int
    place: int

    def links(self, pieces: Mapping[str, Piece]) -> tuple[Link, ...]:
        """Chain the ops of its nodes with their weights."""
        return tuple(link for name in self.nodes for link in pieces[name].links)


@dataclass(frozen=True)
class Roads:
    """All edges by the node they leave, with their positions; `ends` are the nodes where routes end."""

    leaving: Mapping[str, Sequence[tuple[int, FlatEdge]]]
    ends: frozenset[str]
    pieces: Mapping[str, Piece]

    def from_node(self, name: str) -> Iterator[Route]:
        """Yield every route that starts at a node, in the order of the file's edges."""
        stack = [(place, edge, (), 0) for place, edge in reversed(self.leaving[name])]
        while stack:
            place, edge, passed, delay = stack.pop()
            delay += edge.late
            if edge.target in self.ends:
                yield Route(name, passed, edge.target, delay, place)
                continue
            delay += self.pieces[edge.target].delay
            passed = (*passed, edge.target)
            stack += [(onward, e, passed, delay) for onward, e in reversed(self.leaving[edge.target])]


@dataclass(frozen=True)
class _Ahead:
    """What lies ahead of a node: how many routes, the nodes on all of them, the steps of the slowest."""

    routes: int
    nodes: int
    steps: int


def survey(
    edges: Sequence[FlatEdge], ends: frozenset[str], pieces: Mapping[str, Piece], origins: Sequence[str]
) -> tuple[Roads, list[Problem]]:
    """Lay out the roads; lists cycles without a neuron, and too many or too slow routes from `origins`."""
    leaving: dict[str, list[tuple[int, FlatEdge]]] = {name: [] for name in (*pieces, *ends, *origins)}
    for place, edge in enumerate(edges):
        leaving[edge.source].append((place, edge))
    roads = Roads(leaving, ends, pieces)
    inner: nx.DiGraph[str] = nx.DiGraph()
    inner.add_nodes_from(name for name in pieces if name not in ends)
    inner.add_edges_from((e.source, e.target) for e in edges if e.source in inner and e.target in inner)
    try:
        order = list(nx.topological_sort(inner))
    except nx.NetworkXUnfeasible:
        cycle = [str(edge[0]) for edge in nx.find_cycle(inner)]
        told = " -> ".join((*cycle, cycle[0]))
        return roads, [Problem(f"cycle {told}", "has no neuron on it", "put a population on it")]
    ahead: dict[str, _Ahead] = {}
    for name in reversed(order):
        ahead[name] = _ahead(roads, name, ahead)
    return roads, _limits({name: _ahead(roads, name, ahead) for name in origins})


def _ahead(roads: Roads, name: str, ahead: Mapping[str, _Ahead]) -> _Ahead:
    """Add up what lies ahead over all edges that leave a node."""
    routes, nodes, steps = 0, 0, 0
    for _, edge in roads.leaving[name]:
        onward = ahead.get(edge.target)
        if onward is None:
            routes, steps = routes + 1, max(steps, edge.late)
        else:
            routes += onward.routes
            nodes += onward.nodes + onward.routes
            steps = max(steps, edge.late + roads.pieces[edge.target].delay + onward.steps)
    return _Ahead(routes, nodes, steps)


def _limits(ahead: Mapping[str, _Ahead]) -> list[Problem]:
    problems = [
        Problem(
            f"node {name}",
            f"what it emits is delayed by {found.steps} steps",
            f"delay by at most {MAX_DELAY}",
        )
        for name, found in ahead.items()
        if found.steps > MAX_DELAY
    ]
    routes, nodes = (sum(getattr(found, key) for found in ahead.values()) for key in ("routes", "nodes"))
    if routes > MOST_ROUTES or nodes > MOST_NODES:
        problems.append(
            Problem(
                "graph",
                f"{routes} routes of {nodes} linear nodes lead from population to population",
                f"msc makes a projection of each, at most {MOST_ROUTES} of {MOST_NODES} nodes: put "
                "populations where they branch",
            )
        )
    return problems
