"""A network as the bytes of an ONNX file: a graph, the functions it calls, what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx.helper import make_opsetid

from msc.backends.onnx.graphs import DOMAIN, DOMAIN_VERSION, IR_VERSION, OPSET, File, Graph
from msc.backends.onnx.metadata import describe, sealed
from msc.backends.onnx.naming import INPUT, OUTPUT, TIMESTEPS, Names
from msc.backends.onnx.sequence import sequence_graph
from msc.backends.onnx.streaming import streaming_graph
from msc.backends.onnx.synapses import Synapses
from msc.compiler.contracts import Labels
from msc.ir.network import Model

_DOCS = {
    "sequence": "A spiking network over whole sequences of T time steps, for B samples. Spikes are 0 or 1.",
    "step": "One time step of a spiking network, for B samples. Spikes are 0 or 1. States are zeros at "
    "first; each next value is the state of the next step.",
}


def model_bytes(model: Model, options: Mapping[str, str], labels: Labels) -> bytes:
    """Make the file and have onnx check it; equal models, options and labels give equal bytes."""
    proto = _model(model, options)
    for name, value in describe(model, options, labels).items():
        proto.metadata_props.add(key=name, value=value)
    data = sealed(proto.SerializeToString(deterministic=True))
    del proto
    onnx.checker.check_model(data, full_check=True)
    return data


def _model(model: Model, options: Mapping[str, str]) -> onnx.ModelProto:
    network = model.network
    others = [p.name for p in network.populations if not p.is_source and p.name != network.output]
    shown = {
        network.output: OUTPUT,
        **({name: name for name in others} if options["record"] == "all" else {}),
    }
    synapses = Synapses.of(model)
    file = File(Names((INPUT, TIMESTEPS, *shown.values(), *synapses.names.values())))
    if options["mode"] == "step":
        graph = streaming_graph(Graph(file), synapses, shown)
    else:
        graph = sequence_graph(Graph(file), synapses, shown, options["samples"] == "apart")
    graph.doc_string = _DOCS[options["mode"]]
    return onnx.helper.make_model(
        graph,
        opset_imports=[make_opsetid("", OPSET), make_opsetid(DOMAIN, DOMAIN_VERSION)],
        functions=[file.functions[name] for name in sorted(file.functions)],
        ir_version=IR_VERSION,
        producer_name="msc",
    )
