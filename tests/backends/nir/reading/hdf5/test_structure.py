"""A tree of groups and arrays is told to be a graph of nodes, or what keeps it from being one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from msc.backends.nir.reading.hdf5.structure import UNREADABLE, Structure
from msc.backends.nir.reading.raw import RawGraph, RawNode

WRITE = "write the file with nir.write"
ENDS = "write a nir.NIRGraph with an Input and an Output"
MEMBERS = "type, nodes, edges, metadata"
TYPED = "give each node its type, as nir.write does"


def edges(*pairs: tuple[str, ...]) -> Any:
    return np.array(pairs, object)


def graph(**changes: Any) -> dict[str, Any]:
    """An Input and an Output; what is changed to None is left out."""
    nodes = {"input": {"type": "Input", "shape": np.array([3])}, "output": {"type": "Output"}}
    members = {"type": "NIRGraph", "nodes": nodes, "edges": edges(("input", "output")), **changes}
    return {name: value for name, value in members.items() if value is not None}


def problems(tree: Any) -> list[str]:
    structure = Structure()
    structure.root(tree, "/node")
    return list(map(str, structure.problems))


def test_a_graph_has_nodes_edges_and_metadata() -> None:
    structure = Structure()
    found = structure.root(graph(metadata={"a": "b"}, nodes={"sub": graph(), "x": {"type": "X"}}), "/node")
    assert isinstance(found, RawGraph)
    assert found.edges == (("input", "output"),)
    assert found.metadata == {"a": "b"}
    assert list(found.nodes) == ["sub", "x"]
    assert found.nodes["x"] == RawNode("X", {}, {})
    inner = found.nodes["sub"]
    assert isinstance(inner, RawGraph)
    assert inner.edges == (("input", "output"),)
    assert structure.problems == []


def test_unknown_types_dangling_edges_and_odd_fields_are_left_to_those_who_know_nodes() -> None:
    tree = graph(nodes={"x": {"type": "New", "odd": {"deep": "text"}}}, edges=edges(("y", "z"), ("y", "z")))
    structure = Structure()
    found = structure.root(tree, "/node")
    assert isinstance(found, RawGraph)
    assert found.nodes["x"] == RawNode("New", {"odd": {"deep": "text"}}, {})
    assert found.edges == (("y", "z"), ("y", "z"))
    assert structure.problems == []


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("text", f"/node: is no group; a node is a group with a type; {WRITE}"),
        ({"nodes": {}}, f"/node: has no type; {TYPED}"),
        ({"type": np.array(3)}, f"/node/type: is no text; {TYPED}"),
        ({"type": {}}, f"/node/type: is no text; {TYPED}"),
        (
            {"type": "LIF"},
            f"/node: is a single node of type LIF, not a graph; {ENDS}",
        ),
        (graph(nodes=None), f"/node: has no nodes; {WRITE}"),
        (graph(nodes=np.zeros(2)), f"/node/nodes: is no group; {WRITE}"),
        (graph(nodes={"a": "x"}), f"/node/nodes/a: is no group; a node is a group with a type; {WRITE}"),
        (graph(nodes={"a": graph(nodes={"b": {}})}), f"/node/nodes/a/nodes/b: has no type; {TYPED}"),
        (graph(metadata="text"), f"/node/metadata: is no group; {WRITE}"),
        (graph(version="1"), f"/node/version: is not part of a graph, which has {MEMBERS}; remove it"),
        (graph(edges=None), "/node/edges: is missing; give the graph edges, as nir.write does"),
        (graph(edges={}), f"/node/edges: is no array of names; {WRITE}"),
        (graph(edges="a"), f"/node/edges: is no array of names; {WRITE}"),
        (graph(edges=np.ones(2)), f"/node/edges: holds float64 values; an edge is a pair of names; {WRITE}"),
        (
            graph(edges=edges(("a", "b", "c"))),
            f"/node/edges: has shape [1, 3]; edges are an array [n, 2] of names; {WRITE}",
        ),
        (
            graph(edges=np.array(["a", "b"], object)),
            f"/node/edges: has shape [2]; edges are an array [n, 2] of names; {WRITE}",
        ),
        (graph(edges=edges(("\n", "b"))), f"/node/edges: names '\\n', which no node can be called; {WRITE}"),
        (graph(edges=edges(("", "b"))), f"/node/edges: names '', which no node can be called; {WRITE}"),
    ],
    ids=range(19),
)
def test_what_is_no_graph_is_told(tree: Any, expected: str) -> None:
    assert problems(tree) == [expected]


def test_every_offender_is_told() -> None:
    tree = graph(nodes={"a": {}, "b": graph(edges=None, odd="x"), "c": {"type": ""}}, metadata="x")
    assert [text.split(": ")[0] for text in problems(tree)] == [
        "/node/metadata",
        "/node/nodes/a",
        "/node/nodes/b/odd",
        "/node/nodes/b/edges",
        "/node/nodes/c/type",
    ]


def test_what_is_known_to_be_unreadable_is_not_told_again() -> None:
    nodes = {"a": UNREADABLE, "b": {"type": UNREADABLE}, "c": {"type": "X", "metadata": UNREADABLE}}
    for tree in (UNREADABLE, graph(edges=UNREADABLE, nodes=nodes), graph(nodes=UNREADABLE)):
        assert problems(tree) == []
