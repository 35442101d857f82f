"""Graphs as the bytes of a NIR file, read back and compared before anyone sees them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.nodes import Graph, Node

_BLOCK_BYTES = 4 * 2**20


class ReadBackError(AssertionError):
    """A written NIR file does not hold what was meant: a bug in msc, nir or h5py, never the user's."""


class _NodesOnDemand(dict[str, Any]):
    """A dictionary of node dictionaries that are made one at a time, while they are written."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        super().__init__()
        self._nodes = nodes

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:  # type: ignore[override]
        """Yield each node's name and its dictionary."""
        return ((name, node.to_dict()) for name, node in self._nodes.items())


class _Writable:
    """What nir.write needs of a graph: `to_dict`, here without nir's two deep copies of every array."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def to_dict(self) -> dict[str, Any]:
        """Make the dictionary that nir.write walks."""
        return {
            "type": "NIRGraph",
            "nodes": _NodesOnDemand(dict(self._graph.nodes)),
            "edges": list(self._graph.edges),
            "metadata": dict(self._graph.metadata),
        }


def write_bytes(graph: Graph) -> bytes:
    """Write the graph with nir, read the file back, compare, and return its bytes.

    The same graph gives the same bytes. Raises ReadBackError where the file differs from the graph or nir's
    type check refuses it.
    """
    import nir

    file = BytesIO()  # no temporary file: a full device breaks HDF5 in ways that leave files behind
    nir.write(file, _Writable(graph))  # type: ignore[arg-type]
    check(file, graph)
    return file.getvalue()


def check(path: Path | BytesIO, graph: Graph) -> None:
    """Compare every node and edge of a file with the graph, and run nir's type check on what was read.

    This is nir.read one node at a time: arrays are compared (weights in blocks) and then replaced by views
    on one zero, so that a large file is never in memory as a whole. Raises ReadBackError.
    """
    import h5py
    import nir
    from nir.serialization import hdf2dict

    with h5py.File(path, "r") as file:
        root: Any = file["node"]
        written: Any = root["nodes"]
        _require(sorted(written) == sorted(graph.nodes), "the nodes", sorted(written))
        edges = [(source.decode(), target.decode()) for source, target in root["edges"][()]]
        _require(edges == list(graph.edges), "the edges", edges)
        metadata = hdf2dict(root["metadata"])
        _require(_same(dict(graph.metadata), metadata), "the metadata", metadata)
        nodes: dict[str, Any] = {}
        for name, node in graph.nodes.items():
            expected, found = node.to_dict(), dict(written[name].items())
            if "weight" in expected:
                weight, stored = expected.pop("weight"), found.pop("weight", None)
                _require(_same_in_blocks(weight, stored), f"the weight of node {name}", stored)
            fields = hdf2dict(found)
            _require(_same(expected, fields), f"node {name}", fields)
            if "weight" in written[name]:
                fields["weight"] = np.broadcast_to(np.float32(0), written[name]["weight"].shape)
            nodes[name] = nir.dict2NIRNode({key: _light(value) for key, value in fields.items()})
    try:
        nir.NIRGraph(nodes={name: nodes[name] for name in sorted(nodes)}, edges=edges, type_check=True)
    except ValueError as error:
        raise ReadBackError(f"nir refuses the file: {error}") from error
    _require(sorted(nodes) == sorted(graph.nodes), "the nodes after nir's type inference", sorted(nodes))


def _light(value: Any) -> Any:
    """Replace a compared array of floats by a view of its shape on one zero; leave all else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    return np.broadcast_to(value.dtype.type(0), value.shape)


def _same_in_blocks(weight: NDArray[Any], stored: Any) -> bool:
    """Whether a stored dataset is the same array, read in blocks of whole chunks."""
    if stored is None or stored.shape != weight.shape or stored.dtype != weight.dtype:
        return False
    chunk = stored.chunks[0] if stored.chunks else len(weight)
    rows = chunk * max(1, _BLOCK_BYTES * len(weight) // (weight.nbytes * chunk))
    return all(
        np.array_equal(weight[start : start + rows], stored[start : start + rows])
        for start in range(0, len(weight), rows)
    )


def _same(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether two nested dictionaries hold the same values, arrays of floats also in the same type."""
    if set(found) != {key for key, value in expected.items() if key != "metadata" or value}:
        return False
    for key, value in found.items():
        if isinstance(value, dict):
            if not _same(expected[key], value):
                return False
            continue
        wanted, got = np.asarray(expected[key]), np.asarray(value)
        if wanted.dtype.kind == "f" and wanted.dtype != got.dtype:
            return False
        if wanted.shape != got.shape or not np.array_equal(wanted, got):
            return False
    return True


def _require(holds: bool, what: str, found: object) -> None:
    if not holds:
        raise ReadBackError(f"the NIR file does not hold {what} as written; found {found}")
