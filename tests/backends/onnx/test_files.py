"""What a file of target onnx holds: standard operators, documented functions, names, metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from msc.backends.onnx import FILE_NAME
from msc.backends.onnx.naming import weight_names
from msc.backends.onnx.target import MAX_WEIGHT_BYTES, TARGET
from msc.compiler.contracts import CompileError
from msc.compiler.driver import compile_model
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model
from msc.ir.neurons import IF, LI, LIF, CubaLIF
from msc.ir.ops import Flatten, Linear
from msc.ir.text import print_network
from tests.backends.onnx.running import (
    ALL,
    MODES,
    file_of,
    graphs_of,
    nodes_of,
    parsed,
    proto_of,
    said_by,
)
from tests.dyadic import dyadic
from tests.fixed_networks import FIXED
from tests.networks import EVENTS, NETWORKS, NORMED, PIXELS, conv, edge, net

MANY = (
    "chain",
    "loop",
    "delays",
    "delayed_chain",
    "cuba",
    "if",
    "membrane",
    "sum_pool",
    "average_pool",
    "analog",
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MANY)
def test_files_pass_the_full_check_and_strict_shape_inference(name: str, mode: str, onnx: Any) -> None:
    proto = proto_of(NETWORKS[name], **MODES[mode], **ALL)
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    assert {value.name for value in inferred.graph.output} >= {"output"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MANY)
def test_operators_are_standard_and_old_enough(name: str, mode: str, onnx: Any) -> None:
    """All that ONNX Runtime 1.14 reads: opset 18, the file format's version 8; functions are in the file."""
    proto = proto_of(NETWORKS[name], **MODES[mode])
    assert (proto.ir_version, {o.domain: o.version for o in proto.opset_import}) == (8, {"": 18, "msc": 1})
    functions = {function.name: function for function in proto.functions}
    called = {node.op_type for node in nodes_of(proto) if node.domain}
    assert called == set(functions)
    assert {node.domain for node in nodes_of(proto)} == {"", "msc"}
    inside = [node for function in functions.values() for node in function.node]
    for node in [*inside, *(n for n in nodes_of(proto) if not n.domain)]:
        assert not node.domain
        assert onnx.defs.get_schema(node.op_type, 18).since_version <= 18


def test_functions_tell_their_equations(onnx: Any) -> None:
    neurons = {
        "a": LIF(),
        "b": LIF(tau=3.0, r=1.0, v_reset=-0.5, v_leak=0.25),
        "c": IF(r=0.5),
        "d": CubaLIF(),
        "out": LI(r=1.0),
    }
    chain = [edge("input", "a", conv(2))]
    chain += [edge(x, y, conv(2)) for x, y in (("a", "b"), ("b", "c"), ("c", "d"))]
    network = net(PIXELS, neurons, *chain, edge("d", "out", Flatten(), Linear(3)), timesteps=4)
    proto = proto_of(dyadic(network))
    told = {function.name: function.doc_string.split("\n") for function in proto.functions}
    assert told == {
        "LIF": [
            "Leaky integrate-and-fire with hard reset: one time step of values of any shape.",
            "v = (1 - 1/tau) membrane + current",
            "spikes = 1 where v >= v_threshold, else 0",
            "membrane_next = v - v spikes: 0 where it spikes, else v",
            "Here r = tau, v_leak = 0, v_reset = 0.",
            "Time constants are in time steps. At rest all states are 0.",
        ],
        "LIF_r_v_leak_v_reset_lossy": [
            "Leaky integrate-and-fire with hard reset: one time step of values of any shape.",
            "v = membrane + ((r/tau) current + v_leak/tau - membrane/tau)",
            "spikes = 1 where v >= v_threshold, else 0",
            "membrane_next = v_reset where it spikes, else v",
            "Time constants are in time steps. At rest all states are 0.",
        ],
        "IF_r": [
            "Integrate-and-fire with hard reset: one time step of values of any shape.",
            "v = membrane + r current",
            "spikes = 1 where v >= v_threshold, else 0",
            "membrane_next = v - v spikes: 0 where it spikes, else v",
            "Here v_reset = 0.",
            "Time constants are in time steps. At rest all states are 0.",
        ],
        "CubaLIF": [
            "Current-based leaky integrate-and-fire with hard reset, which spares the synaptic current: "
            "one time step of values of any shape.",
            "synaptic_next = (1 - 1/tau_syn) synaptic + current",
            "v = (1 - 1/tau_mem) membrane + synaptic_next",
            "spikes = 1 where v >= v_threshold, else 0",
            "membrane_next = v - v spikes: 0 where it spikes, else v",
            "Here w_in = tau_syn, r = tau_mem, v_leak = 0, v_reset = 0.",
            "Time constants are in time steps. At rest all states are 0.",
        ],
        "LI_r": [
            "Leaky integrator without a threshold: one time step of values of any shape.",
            "v = (1 - 1/tau) membrane + (r/tau) current",
            "emitted = membrane_next = v",
            "Here v_leak = 0.",
            "Time constants are in time steps. At rest all states are 0.",
        ],
    }
    (call,) = [node for node in nodes_of(proto) if node.name == "b"]
    given = {a.name: onnx.helper.get_attribute_value(a) for a in call.attribute}
    assert given == {"tau": 3.0, "r": 1.0, "v_threshold": 0.5, "v_reset": -0.5, "v_leak": 0.25}
    assert call.doc_string == "LIF tau=3.0 r=1.0 v_threshold=0.5 v_reset=-0.5 v_leak=0.25"


def axes_of(value: Any) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def described(proto: Any) -> tuple[dict[str, list[int | str]], dict[str, list[int | str]]]:
    graph = proto.graph
    return {v.name: axes_of(v) for v in graph.input}, {v.name: axes_of(v) for v in graph.output}


def test_inputs_and_outputs_have_the_names_that_are_documented() -> None:
    chain, delays = NETWORKS["chain"], NETWORKS["delays"]
    assert described(proto_of(chain)) == (
        {"input": ["B", 2, 6, 6], "timesteps": []},
        {"output": ["T", "B", 5]},
    )
    assert described(proto_of(delays, record="all")) == (
        {"input": ["T", "B", 2, 6, 6]},
        {"output": ["T", "B", 5], "a": ["T", "B", 4, 6, 6], "b": ["T", "B", 4, 6, 6]},
    )
    states = {
        "a.membrane": ["B", 4, 6, 6],
        "b.membrane": ["B", 4, 6, 6],
        "b.history": ["B", 2, 4, 6, 6],
        "out.membrane": ["B", 5],
        "out.history": ["B", 3, 5],
    }
    assert described(proto_of(delays, mode="step")) == (
        {"input": ["B", 2, 6, 6], **states},
        {"output": ["B", 5], **{f"{name}.next": axes for name, axes in states.items()}},
    )


def test_synapses_are_named_after_projections() -> None:
    proto = proto_of(NETWORKS["parallel_feedback"], mode="step")
    found = {
        n.name: (n.op_type, list(n.input[1:]), n.doc_string) for n in nodes_of(proto) if n.op_type == "Conv"
    }
    assert found == {
        "input_to_a": ("Conv", ["input_to_a.weight", "a.bias"], "free, delay 0"),
        "a_to_out": ("Conv", ["a_to_out.weight", "out.bias"], "free, delay 0"),
        "out_to_a": ("Conv", ["out_to_a.weight"], "inhibitory, delay 1"),
        "out_to_a_2": ("Conv", ["out_to_a_2.weight"], "free, delay 2"),
    }


def test_every_weight_is_a_tensor_of_its_own_name(onnx: Any) -> None:
    model = NETWORKS["loop"]
    proto = proto_of(model)
    tensors = {tensor.name: tensor for graph in graphs_of(proto.graph) for tensor in graph.initializer}
    names = weight_names(model.network)
    assert names["a>b/0/weight"] == "a_to_b.weight"
    assert names["b>out/1/weight"] == "b_to_out.weight"
    for key, name in names.items():
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensors[name]), model.weights[key])


def test_weights_and_populations_never_share_a_name() -> None:
    network = net(
        PIXELS,
        {"a": LIF(), "a.bias": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "a.bias", conv(4)),
        edge("a.bias", "out", conv(4)),
    )
    assert weight_names(network)["a/bias"] == "a.bias_2"


def test_what_a_static_frame_feeds_is_computed_once() -> None:
    """The convolution reads the frame itself, outside of every Scan, and nothing makes T frames of it."""
    proto = proto_of(NETWORKS["chain"])
    (stem,) = [node for node in proto.graph.node if node.name == "input_to_a"]
    assert stem.input[0] == "input"
    (reader,) = [node for node in proto.graph.node if stem.output[0] in node.input]
    assert (reader.op_type, list(reader.output)) == ("Reshape", ["a.current"])
    inner = [node for node in nodes_of(proto) if "a.current" in node.input]
    assert [(node.domain, node.op_type) for node in inner] == [("msc", "LIF")]


def test_maps_see_all_steps_at_once_but_in_cycles() -> None:
    proto = proto_of(NETWORKS["loop"])
    outside = {node.name for node in proto.graph.node if node.op_type in ("Conv", "Gemm")}
    assert outside == {"input_to_a", "b_to_out"}
    inside = {node.name for node in nodes_of(proto) if node.op_type in ("Conv", "Gemm")} - outside
    assert inside == {"a_to_b", "b_to_a", "out_to_out"}


def test_the_file_says_what_it_holds() -> None:
    model = NETWORKS["cuba"]
    said = said_by(parsed(file_of(model, {"genome": "abc"}, mode="step", record="all")))
    checksum = said.pop("checksum")
    assert len(checksum) == 64
    cuba = "CubaLIF tau_syn=2.0 tau_mem=2.0 r=2.0 w_in=2.0 v_threshold=1.0 v_reset=0.0 v_leak=0.0"
    assert said == {
        "format": "msc.onnx",
        "version": "1",
        "text": print_network(model.network, comments=False),
        "network": network_hash(model.network),
        "weights": weights_hash(model.weights),
        "genome": "abc",
        "mode": "step",
        "record": "all",
        "samples": "apart",
        "neuron.a": cuba,
        "neuron.out": cuba,
    }


def test_equal_models_and_options_make_equal_bytes() -> None:
    model = NETWORKS["delays"]
    again = Model(model.network, dict(reversed(model.weights.items())))
    for options in MODES.values():
        assert file_of(model, {"x": "1", "a": "2"}, **options) == file_of(
            again, {"a": "2", "x": "1"}, **options
        )
    assert len({file_of(model, **options) for options in MODES.values()}) == len(MODES)
    assert file_of(model) != file_of(model, {"genome": "abc"})


def test_norms_are_folded_before() -> None:
    """What the file says is the network that it computes: no norms in its text."""
    said = said_by(proto_of(NORMED["batch"]))
    assert "norm" not in said["text"]
    assert said["network"] != network_hash(NORMED["batch"].network)


def test_a_network_in_fixed_point_is_refused() -> None:
    with pytest.raises(CompileError) as caught:
        TARGET.emit(next(iter(FIXED.values())), {})
    assert str(caught.value) == (
        "network: is in fixed point, ONNX is not; compile the network it was made from"
    )


def test_a_network_that_no_onnx_file_holds_is_refused_before_anything_is_made() -> None:
    """Arrays of stride 0: two GiB that take no memory."""
    rows = 4096
    columns = MAX_WEIGHT_BYTES // 4 // rows + 1
    source = replace(EVENTS, shape=(columns,))
    network = net(source, {"out": LIF()}, edge("input", "out", Linear(rows)))
    huge = np.broadcast_to(np.float32(0), (rows, columns))
    model = Model(network, {"input>out/0/weight": huge, "out/bias": np.zeros(rows, np.float32)})
    with pytest.raises(CompileError) as caught:
        TARGET.emit(model, {})
    size = huge.size * 4 + rows * 4
    assert str(caught.value) == (
        f"network: has {size} bytes of weights, an ONNX file has room for {MAX_WEIGHT_BYTES}; "
        "use fewer channels, or compile with --target pytorch"
    )


def test_outputs_that_would_have_an_inputs_name_are_refused() -> None:
    network = net(PIXELS, {"timesteps": LIF(), "out": LIF()}, edge("input", "timesteps", conv(4)))
    network = network.with_projections((*network.projections, edge("timesteps", "out", conv(4))))
    model = dyadic(network)
    with pytest.raises(CompileError) as caught:
        compile_model(lambda: model, TARGET, ALL)
    assert str(caught.value) == (
        "population timesteps: cannot be an output, an input of the file has its name; "
        "rename it or leave out --option record=all"
    )
    assert compile_model(lambda: model, TARGET, {}).files[FILE_NAME]


@pytest.mark.parametrize("call", ["emit", "read"])
def test_without_onnx_the_command_that_installs_it_is_told(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msc.backends.onnx.target.find_spec", lambda name: None)
    with pytest.raises(CompileError) as caught:
        TARGET.emit(NETWORKS["chain"], {}) if call == "emit" else TARGET.read(".")
    command = 'python -m pip install "onnx>=1.18,<2" "onnxruntime>=1.20,<2"'
    assert str(caught.value) == f"onnx: not installed; {command}"


def test_finding_the_target_imports_no_onnx() -> None:
    import subprocess
    import sys

    code = (
        "from msc.compiler.driver import find_target\n"
        "from msc.backends.simulators import onnx\n"
        "import sys\n"
        "assert find_target('onnx').name == onnx.SIMULATOR.target == 'onnx'\n"
        "print({'onnx', 'onnxruntime', 'google.protobuf'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
