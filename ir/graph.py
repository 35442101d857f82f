"""Graph questions about a network: orders, cycles, reachability (networkx underneath)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx

from msc.ir.network import Network, Projection, Sign

_untyped: Any = nx  # for the few networkx functions whose stubs are incomplete


def digraph(network: Network, keep: Callable[[Projection], bool] = lambda _: True) -> nx.DiGraph[str]:
    """Build the directed graph of populations over the projections that `keep` accepts."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(population.name for population in network.populations)
    graph.add_edges_from((p.source, p.target) for p in network.projections if keep(p))
    return graph


def undelayed(projection: Projection) -> bool:
    """Whether a projection acts within the time step."""
    return projection.delay == 0


def update_order(network: Network) -> tuple[str, ...]:
    """Order populations so that every undelayed projection points forward (ties by declaration).

    Raises networkx.NetworkXUnfeasible where an undelayed cycle exists; `verify` reports it first.
    """
    rank = {population.name: i for i, population in enumerate(network.populations)}
    return tuple(nx.lexicographical_topological_sort(digraph(network, undelayed), key=rank.__getitem__))


def components(network: Network) -> tuple[tuple[str, ...], ...]:
    """List the strongly connected components in causal order, each in update order.

    A component of one population without a self projection is feedforward: it can be computed for
    all time steps at once. The others must be stepped.
    """
    order = {name: i for i, name in enumerate(update_order(network))}
    condensed = nx.condensation(digraph(network))
    first = {node: min(order[name] for name in condensed.nodes[node]["members"]) for node in condensed}
    return tuple(
        tuple(sorted(condensed.nodes[node]["members"], key=order.__getitem__))
        for node in nx.lexicographical_topological_sort(condensed, key=first.__getitem__)
    )


def component_of(network: Network) -> dict[str, int]:
    """Map each population to the index of its strongly connected component."""
    return {name: i for i, members in enumerate(components(network)) for name in members}


def cyclic_projections(network: Network) -> frozenset[str]:
    """Name the projections that lie on a cycle (delays included)."""
    graph = digraph(network)
    member = {name: i for i, names in enumerate(nx.strongly_connected_components(graph)) for name in names}
    return frozenset(p.name for p in network.projections if member[p.source] == member[p.target])


def undelayed_cycles(network: Network) -> tuple[tuple[str, ...], ...]:
    """Find, for each strongly connected component without delays, one cycle as a tuple of names."""
    graph = digraph(network, undelayed)
    cycles: list[tuple[str, ...]] = []
    for members in nx.strongly_connected_components(graph):
        inner: nx.DiGraph[str] = nx.DiGraph(graph.subgraph(sorted(members)))
        if inner.number_of_edges():
            cycles.append(tuple(str(edge[0]) for edge in _untyped.find_cycle(inner)))
    return tuple(sorted(cycles))


def downstream(graph: nx.DiGraph[str], name: str) -> set[str]:
    """Name what `name` reaches in the graph, itself included."""
    return {name, *_untyped.descendants(graph, name)}


def upstream(graph: nx.DiGraph[str], name: str) -> set[str]:
    """Name what reaches `name` in the graph, itself included."""
    return {name, *_untyped.ancestors(graph, name)}


def live_populations(network: Network) -> frozenset[str]:
    """Find the live populations.

    Live: reachable from the source through projections that are not inhibitory, and reaching the
    output (through any projection) inside what is reachable.
    """
    excited = digraph(network, lambda p: p.sign is not Sign.INHIBITORY)
    reachable = downstream(excited, network.source.name)
    if network.output not in reachable:
        return frozenset()
    return frozenset(upstream(digraph(network).subgraph(reachable), network.output))
