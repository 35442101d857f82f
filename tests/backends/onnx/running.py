"""ONNX files of small models, opened and run as the tests need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.onnx import FILE_NAME
from msc.backends.onnx.target import TARGET
from msc.backends.simulators.onnx import SIMULATOR
from msc.compiler.contracts import NO_LABELS, Labels
from msc.compiler.driver import compile_model, lower
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import Trace, simulate
from tests.dyadic import sample_input, steps_of
from tests.requires import require

MODES: dict[str, dict[str, str]] = {
    "apart": {"mode": "sequence"},
    "together": {"mode": "sequence", "samples": "together"},
    "step": {"mode": "step"},
}
ALL = {"record": "all"}


def file_of(model: Model, labels: Labels = NO_LABELS, **options: str) -> bytes:
    """Compile a model; returns the file."""
    return compile_model(lambda: model, TARGET, options, labels=labels).files[FILE_NAME]


def parsed(file: bytes) -> Any:
    """Parse a file; returns the onnx.ModelProto."""
    return require("onnx").load_from_string(file)


def proto_of(model: Model, **options: str) -> Any:
    """Compile a model; returns the onnx.ModelProto."""
    return parsed(file_of(model, **options))


def is_static(model: Model) -> bool:
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return source.kind is InputKind.STATIC


def run_file(
    file: bytes, model: Model, inputs: NDArray[Any], steps: int | None
) -> Mapping[str, NDArray[Any]]:
    """Run a file in ONNX Runtime."""
    return SIMULATOR.run_files({FILE_NAME: file}, model.network, inputs, steps)


def assert_exact(model: Model, inputs: NDArray[Any] | None = None, steps: int | None = None) -> Trace:
    """Demand the reference's values of every live population in all modes; returns the reference's."""
    if inputs is None:
        inputs = sample_input(model.network)
        steps = steps_of(model.network) if is_static(model) else None
    expected = simulate(model, inputs, steps)
    live = {p.name for p in lower(model, TARGET, {}).network.populations if not p.is_source}
    for name, options in MODES.items():
        found = run_file(file_of(model, **options, **ALL), model, inputs, steps)
        assert set(found) == live, name
        for population, values in found.items():
            np.testing.assert_array_equal(values, expected.spikes[population], err_msg=f"{name} {population}")
    return expected


def graphs_of(graph: Any) -> Iterator[Any]:
    """List a graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs_of(attribute.g)


def nodes_of(proto: Any) -> list[Any]:
    """List the nodes of a model, those inside others included."""
    return [node for graph in graphs_of(proto.graph) for node in graph.node]


def said_by(proto: Any) -> dict[str, str]:
    """Read a file's metadata."""
    return {entry.key: entry.value for entry in proto.metadata_props}
