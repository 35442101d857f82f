"""Where a simulator that steps nodes one after another reads a cycle one step late: nirtorch's rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import networkx as nx

Edge: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Cuts:
    """The edges that are read one step late, and the nodes that no order can compute."""

    late: frozenset[Edge]
    stuck: tuple[str, ...]


def cut(names: Sequence[str], edges: Collection[Edge], first: str, holding: Collection[str]) -> Cuts:
    """Find the edges of one graph, without its subgraphs' inside, that nirtorch 2.6 reads one step late.

    Nodes are computed in the order of `names`, from `first` (the Input) on and around; a node whose inputs
    are not all computed goes to the end. But an input that is not computed, and depends on the node itself,
    counts as computed where the node has another: its value of the step before is read (0 in the first).
    `holding` nodes (delays) only emit what they took in earlier steps: they never have to be waited for,
    and a cycle through one needs no cut.
    Source: nirtorch 2.6, nir_interpreter.py, _construct_fx_graph.
    """
    start = names.index(first)
    place = {name: i for i, name in enumerate((*names[start:], *names[:start]))}
    behind = _behind(names, [edge for edge in edges if edge[0] not in holding])
    count = Counter(target for _, target in edges)
    waiting = dict.fromkeys(names, 0)  # for how many inputs each node has to wait
    users: dict[str, list[str]] = {name: [] for name in names}
    recurrent: list[Edge] = []
    for source, target in edges:
        if source in holding:
            continue
        if source in behind[target] and count[target] > 1:
            recurrent.append((source, target))
        else:
            waiting[target] += 1
            users[source].append(target)
    ready = [(0, place[name], name) for name in names if not waiting[name]]
    heapify(ready)
    computed: dict[str, int] = {}
    while ready:
        turn, here, name = heappop(ready)
        computed[name] = len(computed)
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:  # in this round where it is still to come, else in the next
                heappush(ready, (turn + (place[user] < here), place[user], user))
    late = frozenset(e for e in recurrent if e[1] in computed and _after(computed, *e))
    return Cuts(late, tuple(sorted(set(names) - set(computed))))


def _after(computed: Mapping[str, int], source: str, target: str) -> bool:
    """Whether the source is computed only when the target has been, or is the target itself."""
    return computed.get(source, len(computed)) >= computed[target]


def _behind(names: Sequence[str], edges: Collection[Edge]) -> Mapping[str, Collection[str]]:
    """Name, for every node, the nodes on a cycle with it."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    return {name: members for members in nx.strongly_connected_components(graph) for name in members}
