"""ONNX Runtime as a simulator: files of either mode, what they show, and its words for what it cannot run."""

from __future__ import annotations

import numpy as np
import pytest

from msc.backends.onnx import FILE_NAME
from msc.backends.running import Given
from msc.backends.simulators.contracts import CannotRunError, FileSimulator
from msc.backends.simulators.onnx import SIMULATOR
from msc.backends.verdicts import Verdict
from msc.backends.verification import verify_on
from msc.ir.simulate import InputError
from tests.backends.onnx.running import file_of, run_file
from tests.dyadic import sample_input, steps_of
from tests.networks import NETWORKS
from tests.requires import require

MODEL = NETWORKS["loop"]
EVENTS = sample_input(MODEL.network)


@pytest.fixture(autouse=True)
def _installed() -> None:
    require("onnx")
    require("onnxruntime")


def refusal(file: bytes) -> str:
    with pytest.raises(CannotRunError) as caught:
        run_file(file, MODEL, EVENTS, None)
    return str(caught.value)


def test_it_is_a_file_simulator_of_the_onnx_target() -> None:
    assert isinstance(SIMULATOR, FileSimulator)
    assert (SIMULATOR.name, SIMULATOR.target, dict(SIMULATOR.options)) == ("onnx", "onnx", {"record": "all"})


@pytest.mark.parametrize("mode", ["sequence", "step"])
def test_it_returns_what_the_file_shows(mode: str) -> None:
    assert set(run_file(file_of(MODEL, mode=mode), MODEL, EVENTS, None)) == {"out"}
    everything = run_file(file_of(MODEL, mode=mode, record="all"), MODEL, EVENTS, None)
    assert set(everything) == {"a", "b", "out"}
    assert {values.dtype for values in everything.values()} == {np.dtype(np.uint8)}


@pytest.mark.parametrize("mode", ["sequence", "step"])
def test_membranes_are_float32(mode: str) -> None:
    model = NETWORKS["membrane"]
    found = run_file(file_of(model, mode=mode, record="all"), model, sample_input(model.network), 4)
    assert (found["a"].dtype, found["out"].dtype) == (np.uint8, np.float32)


def test_a_static_frame_is_shown_for_the_steps_of_the_network() -> None:
    model = NETWORKS["chain"]
    found = run_file(file_of(model), model, sample_input(model.network), None)
    assert len(found["out"]) == model.network.timesteps
    with pytest.raises(InputError, match="a static frame needs a number of time steps"):
        run_file(file_of(NETWORKS["skip"]), NETWORKS["skip"], sample_input(NETWORKS["skip"].network), None)


def test_verification_finds_and_runs_it() -> None:
    verification = verify_on(MODEL, EVENTS, None, ["onnx"])
    (result,) = verification.results
    assert (result.simulator, result.verdict, result.populations) == ("onnx", Verdict.EQUAL, 3)


def test_given_files_are_what_runs() -> None:
    """A streaming file that shows its output only."""
    given = Given("onnx", {FILE_NAME: file_of(MODEL, mode="step")})
    (result,) = verify_on(MODEL, EVENTS, None, ["onnx"], given=given).results
    assert (result.verdict, result.populations) == (Verdict.EQUAL, 1)


def test_a_damaged_file_is_refused_in_onnx_runtimes_words() -> None:
    told = refusal(file_of(MODEL)[:-50])
    assert told.startswith(f"{FILE_NAME}: ONNX Runtime does not run the file ([ONNXRuntimeError] : 7 : ")
    assert told.endswith("); compile the network again")


def test_a_file_of_another_network_is_refused_in_onnx_runtimes_words() -> None:
    other = NETWORKS["oblong"]
    told = refusal(file_of(other))
    assert "Got invalid dimensions for input: input" in told
    assert steps_of(other.network)


def test_a_file_without_the_output_is_refused() -> None:
    onnx = require("onnx")
    value = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["T", "B", 2, 6, 6])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["T", "B", 2, 6, 6])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["input"], ["y"])], "g", [value], [result])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    assert refusal(proto.SerializeToString()) == (
        f"{FILE_NAME}: has no output named 'output'; compile the network again"
    )
