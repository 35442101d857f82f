"""A NIR graph with its subgraphs opened: one level of nodes, and edges that say where a step passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from msc.backends.nir.reading import linear, neurons
from msc.backends.nir.reading.cuts import Edge, cut
from msc.backends.nir.reading.raw import RawGraph, RawNode
from msc.backends.nir.reading.values import Fields
from msc.ir.errors import Problem
from msc.ir.graph import upstream

_ENDS = ("Input", "Output")
KNOWN = (*_ENDS, *linear.KINDS, *neurons.KINDS, "NIRGraph")


@dataclass(frozen=True)
class FlatEdge:
    """A connection; `late`: its target reads what its source emitted in the step before."""

    source: str
    target: str
    late: bool


@dataclass
class Flat:
    """The nodes by name in the file's order (inside a subgraph: subgraph.node) and the edges in its order.

    `source` and `sink` are the network's Input and Output, None where there is not one of each; ends of
    subgraphs are nodes like others. Nodes that do not reach the output are left out, and named in `notes`.
    `paths` leads to every node: the names of the subgraphs that it is in, and its own.
    """

    nodes: dict[str, RawNode] = field(default_factory=dict[str, RawNode])
    edges: list[FlatEdge] = field(default_factory=list[FlatEdge])
    source: str | None = None
    sink: str | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])


def flatten(graph: RawGraph, dt: float) -> Flat:
    """Open all subgraphs and cut the cycles of each on its own, as nirtorch steps them; lists all misfits."""
    flat = Flat()
    flat.source, flat.sink = _open(graph, (), flat, dt)
    return flat


def _open(graph: RawGraph, path: tuple[str, ...], flat: Flat, dt: float) -> tuple[str | None, str | None]:
    """Add a graph's nodes and edges; returns the names of its input and output nodes."""
    prefix = "".join(f"{name}." for name in path)
    flat.problems += _problems(graph, prefix)
    edges = list(dict.fromkeys(e for e in graph.edges if e[0] in graph.nodes and e[1] in graph.nodes))
    first, last = (_only(graph, kind) for kind in _ENDS)
    kept = _kept(graph, edges, last)
    for name in graph.nodes:
        if name not in kept:
            flat.notes.append(f"{prefix}{name}: left out, it does not reach the output")
    edges = [(source, target) for source, target in edges if source in kept and target in kept]
    late = _late(graph, kept, edges, first, flat, prefix, dt)
    starts: dict[str, str | None] = {}
    ends: dict[str, str | None] = {}
    for name in kept:
        node = graph.nodes[name]
        if isinstance(node, RawGraph):
            starts[name], ends[name] = _open(node, (*path, name), flat, dt)
        else:
            own = _fresh(f"{prefix}{name}", flat)
            starts[name] = ends[name] = own
            flat.nodes[own], flat.paths[own] = node, (*path, name)
    for edge in edges:
        source, target = ends[edge[0]], starts[edge[1]]
        if source is not None and target is not None:
            flat.edges.append(FlatEdge(source, target, edge in late))
    return starts.get(first or ""), ends.get(last or "")


def _fresh(name: str, flat: Flat) -> str:
    """Tell a node a.b from a node b of a subgraph a."""
    while name in flat.nodes:
        name += "_"
    return name


def _only(graph: RawGraph, kind: str) -> str | None:
    found = [name for name, node in graph.nodes.items() if isinstance(node, RawNode) and node.kind == kind]
    return found[0] if len(found) == 1 else None


def _kept(graph: RawGraph, edges: list[Edge], last: str | None) -> list[str]:
    """List what reaches the output, in order; everything where there is no one output, to be checked."""
    if last is None:
        return list(graph.nodes)
    wired: nx.DiGraph[str] = nx.DiGraph()
    wired.add_nodes_from(graph.nodes)
    wired.add_edges_from(edges)
    reaching = upstream(wired, last) | {_only(graph, "Input") or last}
    return [name for name in graph.nodes if name in reaching]


def _late(
    graph: RawGraph, kept: list[str], edges: list[Edge], first: str | None, flat: Flat, prefix: str, dt: float
) -> frozenset[Edge]:
    """Cut the cycles of one graph, saying where; what no order can compute is a problem."""
    if first is None:
        return frozenset()
    holding = [name for name in kept if _holds(graph.nodes[name], dt)]
    cuts = cut(kept, edges, first, holding)
    for source, target in edges:
        if (source, target) in cuts.late:
            flat.notes.append(
                f"{prefix}{source} -> {prefix}{target}: read one step late: the order of names cuts a cycle "
                "here"
            )
    fed = {target for _, target in edges}
    circling = [name for name in _circling(cuts.stuck, edges) if name in fed]
    if circling:
        flat.problems.append(
            Problem(
                f"cycle {' -> '.join(prefix + name for name in (*circling, circling[0]))}",
                "nothing else leads into it, so that no node of it can come first",
                "connect the input to it",
            )
        )
    return cuts.late


def _circling(stuck: tuple[str, ...], edges: list[Edge]) -> list[str]:
    """Find one cycle among the nodes that are stuck; none where they only wait for a node that is missing."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((s, t) for s, t in edges if s in stuck and t in stuck)
    try:
        return [str(edge[0]) for edge in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return []


def _holds(node: RawNode | RawGraph, dt: float) -> bool:
    """Whether what a node emits depends on nothing of the same step: a delay, or a subgraph behind one."""
    if isinstance(node, RawNode):
        delay = linear.read_linear(Fields("", node, []), dt) if node.kind == "Delay" else None
        return isinstance(delay, linear.Late) and delay.steps > 0
    first, last = (_only(node, kind) for kind in _ENDS)
    if first is None or last is None:
        return False
    prompt: nx.DiGraph[str] = nx.DiGraph()
    prompt.add_nodes_from((first, last))
    prompt.add_edges_from(
        e for e in node.edges if all(n in node.nodes for n in e) and not _holds(node.nodes[e[0]], dt)
    )
    return first not in upstream(prompt, last)


def _problems(graph: RawGraph, prefix: str) -> Iterator[Problem]:
    """List what is wrong with a graph's nodes and edges, its subgraphs' left out."""
    seen: set[Edge] = set()
    for edge in graph.edges:
        where = f"edge {prefix}{edge[0]} -> {prefix}{edge[1]}"
        for name in dict.fromkeys(edge):
            if name not in graph.nodes:
                yield Problem(where, f"there is no node {name}", "remove the edge or add the node")
        if edge in seen:
            yield Problem(where, "is given twice, which NIR does not allow", "give it once, or scale by 2")
        seen.add(edge)
    for kind in _ENDS:
        found = [n for n, node in graph.nodes.items() if isinstance(node, RawNode) and node.kind == kind]
        if len(found) != 1:
            where = f"graph {prefix[:-1]}" if prefix else "graph"
            listed = f" ({', '.join(found[:5])}{', ..' if len(found) > 5 else ''})" if found else ""
            yield Problem(where, f"has {len(found)} {kind} nodes{listed}", "msc needs exactly one")
    feeding, fed = ({edge[end] for edge in graph.edges} for end in (0, 1))
    for name, node in graph.nodes.items():
        kind = node.kind if isinstance(node, RawNode) else "NIRGraph"
        where = f"node {prefix}{name}"
        if kind not in KNOWN:
            yield Problem(where, f"its type {kind} is none that msc knows", f"use {', '.join(KNOWN)}")
        if kind == "Input" and name in fed:
            yield Problem(where, "an edge leads into the input", "remove the edge")
        if kind == "Output" and name in feeding:
            yield Problem(where, "an edge leaves the output", "let it leave what feeds the output")
        if kind != "Input" and name not in fed:
            yield Problem(where, "no edge leads to it", "connect it or remove it")
