"""One population with few weights, for tests whose integers can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from msc.ir.network import Model
from msc.ir.neurons import InputKind, Neuron, Source
from msc.ir.ops import Linear
from tests.networks import edge, net


def dense(neuron: Neuron, weights: Any, bias: Any = None, recurrent: Any = None) -> Model:
    """A source of events, one population `out` with weights [C, N], and perhaps weights onto itself."""
    matrix = np.array(weights, np.float32)
    edges = [edge("input", "out", Linear(len(matrix)))]
    values = {"input>out/0/weight": matrix}
    if recurrent is not None:
        edges.append(edge("out", "out", Linear(len(matrix)), delay=1))
        values["out>out/0/weight"] = np.array(recurrent, np.float32)
    network = net(Source((matrix.shape[1],), InputKind.EVENTS), {"out": neuron}, *edges)
    if bias is None:
        network = replace(
            network, populations=tuple(replace(p, bias=p.is_source) for p in network.populations)
        )
    else:
        values["out/bias"] = np.array(bias, np.float32)
    return Model(network, values)


def always(model: Model, steps: int) -> np.ndarray:
    """An input of which every event comes at every step."""
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return np.ones((steps, 1, *source.shape), np.float32)
