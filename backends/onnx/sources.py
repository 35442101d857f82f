"""The network's input as a value of the graph."""

from __future__ import annotations

import numpy as np

from msc.backends.onnx.graphs import Graph
from msc.backends.onnx.naming import INPUT
from msc.ir.network import Population
from msc.ir.neurons import InputKind, Source


def source_kind(source: Population) -> InputKind:
    """Return what a source emits."""
    assert isinstance(source.neuron, Source)
    return source.neuron.kind


def add_source(graph: Graph, source: Population) -> str:
    """Return the name of the source's values: the input itself, or its event counts clipped to {0, 1}."""
    if source_kind(source) is not InputKind.EVENTS:
        return INPUT
    bounds = [graph.constant(np.array(bound, np.float32), f"number.{bound}") for bound in (0.0, 1.0)]
    return graph.node("Clip", [INPUT, *bounds], f"{source.name}.events", "event counts, clipped to 0 and 1")
