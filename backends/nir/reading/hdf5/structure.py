"""Tells the nodes, edges and metadata of NIR apart in the tree of groups and arrays that a file holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from msc.backends.nir.reading.hdf5 import limits
from msc.backends.nir.reading.raw import RawGraph, RawNode, Value
from msc.ir.errors import Problem

GRAPH = "NIRGraph"
_MEMBERS = ("type", "nodes", "edges", "metadata")
_WRITE_FIX = "write the file with nir.write"
_TYPE_FIX = "give each node its type, as nir.write does"

UNREADABLE: Any = object()
"""Stands where something could not be read; its problem is known already."""


class Structure:
    """Turns a tree into a graph, collecting what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def root(self, tree: Value, where: str) -> RawGraph | None:
        """Return the graph of the file, None where there is none; the problems say why."""
        found = self._node(tree, where)
        if isinstance(found, RawNode):
            what = f"is a single node of type {found.kind}, not a graph"
            self._problem(where, what, "write a nir.NIRGraph with an Input and an Output")
            return None
        return found

    def _problem(self, where: str, what: str, fix: str = _WRITE_FIX) -> None:
        self.problems.append(Problem(where, what, fix))

    def _node(self, tree: Value, where: str) -> RawNode | RawGraph | None:
        if tree is UNREADABLE:
            return None
        if not isinstance(tree, Mapping):
            self._problem(where, "is no group; a node is a group with a type")
            return None
        kind = self._kind(tree, where)
        metadata = self._metadata(tree, where)
        if kind is None:
            return None
        if kind == GRAPH:
            return self._graph(tree, metadata, where)
        fields = {name: value for name, value in tree.items() if name not in ("type", "metadata")}
        return RawNode(kind, fields, metadata)

    def _kind(self, tree: Mapping[str, Value], where: str) -> str | None:
        kind = tree.get("type")
        if kind is UNREADABLE:
            return None
        if kind is None:
            self._problem(where, "has no type", _TYPE_FIX)
        elif not isinstance(kind, str):
            self._problem(f"{where}/type", "is no text", _TYPE_FIX)
        elif _is_name(kind):
            return kind
        else:
            self._problem(f"{where}/type", f"is {_short(kind)}, no name of a node type")
        return None

    def _metadata(self, tree: Mapping[str, Value], where: str) -> Mapping[str, Value]:
        metadata = tree.get("metadata", {})
        if isinstance(metadata, Mapping):
            return metadata
        if metadata is not UNREADABLE:
            self._problem(f"{where}/metadata", "is no group")
        return {}

    def _graph(self, tree: Mapping[str, Value], metadata: Mapping[str, Value], where: str) -> RawGraph:
        for name in tree:
            if name not in _MEMBERS:
                what = f"is not part of a graph, which has {', '.join(_MEMBERS)}"
                self._problem(f"{where}/{name}", what, "remove it")
        nodes: dict[str, RawNode | RawGraph] = {}
        for name, member in self._nodes(tree, where):
            node = self._node(member, f"{where}/nodes/{name}")
            if node is not None:
                nodes[name] = node
        return RawGraph(nodes, self._edges(tree, f"{where}/edges"), metadata)

    def _nodes(self, tree: Mapping[str, Value], where: str) -> Iterator[tuple[str, Value]]:
        nodes = tree.get("nodes")
        if isinstance(nodes, Mapping):
            yield from nodes.items()
        elif nodes is None:
            self._problem(where, "has no nodes")
        elif nodes is not UNREADABLE:
            self._problem(f"{where}/nodes", "is no group")

    def _edges(self, tree: Mapping[str, Value], where: str) -> tuple[tuple[str, str], ...]:
        edges = tree.get("edges")
        if edges is UNREADABLE:
            return ()
        if edges is None:
            self._problem(where, "is missing", "give the graph edges, as nir.write does")
            return ()
        if not isinstance(edges, np.ndarray):
            self._problem(where, "is no array of names")
            return ()
        if edges.size == 0:
            return ()
        if edges.dtype.kind != "O":
            self._problem(where, f"holds {edges.dtype} values; an edge is a pair of names")
            return ()
        if edges.ndim != 2 or edges.shape[1] != 2:
            self._problem(where, f"has shape {list(edges.shape)}; edges are an array [n, 2] of names")
            return ()
        odd = sorted({name for name in edges.ravel().tolist() if not _is_name(name)})
        for name in odd[: limits.PROBLEMS]:
            self._problem(where, f"names {_short(name)}, which no node can be called")
        return tuple((source, target) for source, target in edges.tolist())


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and len(text) <= limits.NAME


def _short(text: str) -> str:
    shown = ascii(text[:60])
    return shown if len(text) <= 60 else f"{shown}.. ({len(text)} characters)"
