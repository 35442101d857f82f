"""The streaming model: one time step of the whole network, its states as inputs and outputs."""

from __future__ import annotations

import onnx

from msc.backends.onnx.graphs import Graph, floats
from msc.backends.onnx.naming import INPUT
from msc.backends.onnx.sources import add_source
from msc.backends.onnx.stepping import Step
from msc.backends.onnx.synapses import Synapses
from msc.ir.graph import update_order


def streaming_graph(graph: Graph, synapses: Synapses, shown: dict[str, str]) -> onnx.GraphProto:
    """Make the graph of mode `step`; `shown` names the outputs of populations, the network's first.

    Inputs: `input` [B, *shape], then each state; outputs: what is shown, then each state's next value.
    """
    network = synapses.model.network
    source = network.source
    step = Step.of(graph, synapses, map(network.population, update_order(network)), network.projections)
    emitted = {p.name: shown.get(p.name) or graph.claim(p.name) for p in step.order}
    emitted[source.name] = add_source(graph, source)
    step.add(graph, emitted, {})
    inputs = [floats(INPUT, ("B", *synapses.shapes[source.name]))]
    inputs += [floats(state.before, ("B", *state.shape)) for state in step.states]
    outputs = [floats(value, ("B", *synapses.shapes[name])) for name, value in shown.items()]
    outputs += [floats(state.after, ("B", *state.shape)) for state in step.states]
    return graph.finished("step", inputs, outputs)
