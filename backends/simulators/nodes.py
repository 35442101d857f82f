"""What simulators ask of the nodes of a NIR graph, to refuse what they would quietly run wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def every_node(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield all nodes of a nir.NIRGraph with their names, those of subgraphs as subgraph.node."""
    for name, node in graph.nodes.items():
        if type(node).__name__ == "NIRGraph":
            yield from ((f"{name}.{inner}", found) for inner, found in every_node(node))
        else:
            yield name, node


def first_nonzero(graph: Any, *parameters: str) -> str | None:
    """Name the first node, and its parameter, that is not all 0; None where all are."""
    for name, node in every_node(graph):
        for parameter in parameters:
            value = getattr(node, parameter, None)
            if value is not None and np.any(value):
                return f"{name}: {parameter}"
    return None


def padded_sum_pool(graph: Any) -> str | None:
    """Name a SumPool2d with padding, which NIRTorch's own mapping of it leaves out; None without one."""
    return next(
        (n for n, node in every_node(graph) if type(node).__name__ == "SumPool2d" and np.any(node.padding)),
        None,
    )


def spell_out(graph: Any) -> None:
    """Say the same so that importers take it: axes of Flatten from the last, sizes of pools as pairs.

    Counted from the first, they take the batch for an axis; of one number, they make no pair.
    """
    for _, node in every_node(graph):
        if type(node).__name__ in ("SumPool2d", "AvgPool2d"):
            node.kernel_size, node.stride, node.padding = (
                np.broadcast_to(np.asarray(size), 2) for size in (node.kernel_size, node.stride, node.padding)
            )
        if type(node).__name__ == "Flatten" and node.input_type["input"] is not None:
            rank = len(np.atleast_1d(node.input_type["input"]))
            node.start_dim, node.end_dim = (
                int(dim) - rank if dim >= 0 else int(dim) for dim in (node.start_dim, node.end_dim)
            )
