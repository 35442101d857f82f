"""The populations that a simulator shows when it runs a NIR file, under the names that reading gives them."""

from __future__ import annotations

from typing import Any, TypeAlias

from msc.backends.nir.neurons import DT_S
from msc.backends.nir.reading import neurons
from msc.backends.nir.reading.flattening import Flat, flatten
from msc.backends.nir.reading.naming import READOUT, fresh, population_names
from msc.backends.nir.reading.raw import RawGraph, RawNode

Path: TypeAlias = tuple[str, ...]


def shown_populations(graph: Any) -> tuple[dict[Path, str], str]:
    """Name the populations of a nir.NIRGraph by the path to their node, and the output.

    Raises ValueError where the graph has not one input and one output.
    """
    flat = flatten(_raw(graph), DT_S)
    if flat.source is None or flat.sink is None:
        raise ValueError("the graph has not one Input and one Output")
    kinds = {name: node.kind for name, node in flat.nodes.items()}
    populations = {n: flat.nodes[n].metadata for n in kinds if n == flat.source or kinds[n] in neurons.KINDS}
    names = population_names(populations)
    last = _feeding(flat, flat.sink)
    output = names[last] if kinds[last] in neurons.KINDS else fresh(READOUT, {*names, *names.values()})
    return {flat.paths[name]: names[name] for name in populations if name != flat.source}, output


def _feeding(flat: Flat, sink: str) -> str:
    """Go back from the output to the first node that does more than pass its one input on."""
    name = sink
    while True:
        into = [edge.source for edge in flat.edges if edge.target == name]
        if len(into) != 1 or flat.nodes[name].kind not in ("Input", "Output"):
            return name
        (name,) = into


def _raw(graph: Any) -> RawGraph:
    """Take a graph's nodes without their arrays, in the order of names."""
    nodes: dict[str, RawNode | RawGraph] = {}
    for name in sorted(graph.nodes, key=str.encode):
        node = graph.nodes[name]
        kind = type(node).__name__
        nodes[name] = _raw(node) if kind == "NIRGraph" else RawNode(kind, {}, dict(node.metadata))
    return RawGraph(nodes, tuple((str(source), str(target)) for source, target in graph.edges), {})
