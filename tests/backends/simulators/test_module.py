"""The simulator of the stand-alone module runs the files, and only those whose code msc wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from msc.backends.pytorch.target import TARGET
from msc.backends.running import Given
from msc.backends.simulators.contracts import CannotRunError, FileSimulator
from msc.backends.simulators.module import SIMULATOR
from msc.backends.verdicts import Verdict
from msc.backends.verification import run_on, verify_on
from msc.ir.neurons import LI
from msc.ir.simulate import InputError, simulate
from tests import networks as shared
from tests.backends.pytorch.modules import is_static
from tests.dyadic import sample_input, steps_of


def test_it_is_a_file_simulator_of_the_pytorch_target() -> None:
    assert isinstance(SIMULATOR, FileSimulator)
    assert (SIMULATOR.name, SIMULATOR.target, dict(SIMULATOR.options)) == ("module", "pytorch", {})


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_every_population_is_the_reference(name: str) -> None:
    model = shared.NETWORKS[name]
    inputs = sample_input(model.network)
    timesteps = steps_of(model.network) if is_static(model.network) else None
    found = SIMULATOR.run_files(TARGET.emit(model, {}).files, model.network, inputs, timesteps)
    expected = simulate(model, inputs, timesteps).spikes
    assert set(found) == set(expected)
    for population, spikes in expected.items():
        np.testing.assert_array_equal(found[population], spikes, err_msg=population)
        reads = isinstance(model.network.population(population).neuron, LI)
        assert found[population].dtype == (np.float32 if reads else np.uint8)


def test_a_static_frame_is_shown_for_the_steps_of_the_network() -> None:
    model = shared.NETWORKS["chain"]
    found = SIMULATOR.run_files(
        TARGET.emit(model, {}).files, model.network, sample_input(model.network), None
    )
    assert len(found["out"]) == model.network.timesteps


def test_verification_finds_and_runs_it() -> None:
    model = shared.NETWORKS["feedback"]
    verification = verify_on(model, sample_input(model.network), steps_of(model.network), ["module"])
    (result,) = verification.results
    assert (result.simulator, result.verdict, result.populations) == ("module", Verdict.EQUAL, 3)


def test_given_files_are_what_runs() -> None:
    """Files of the same network with other weights: their spikes, under the names of their own network."""
    model = shared.NETWORKS["dense"]
    other = replace(model, weights={**model.weights, "out/bias": model.weights["out/bias"] + 10})
    files = TARGET.emit(other, {}).files
    trace = run_on(model, sample_input(model.network), None, "module", given=Given("pytorch", files))
    np.testing.assert_array_equal(trace.outputs, simulate(other, sample_input(model.network)).outputs)
    assert trace.outputs.all()


def test_code_that_msc_did_not_write_is_not_run() -> None:
    model = shared.NETWORKS["dense"]
    files = dict(TARGET.emit(model, {}).files)
    files["network.py"] += b"import pathlib\npathlib.Path('ran').touch()\n"
    with pytest.raises(CannotRunError, match=r"network\.py: was changed after msc made it") as caught:
        SIMULATOR.run_files(files, model.network, sample_input(model.network), None)
    assert "import it yourself, or compile the network again" in str(caught.value)
    assert not Path("ran").exists()


def test_files_that_are_not_there_are_named() -> None:
    model = shared.NETWORKS["dense"]
    with pytest.raises(CannotRunError, match=r"weights\.safetensors: is missing"):
        SIMULATOR.run_files({"network.py": b""}, model.network, sample_input(model.network), None)


def test_input_that_does_not_fit_is_refused() -> None:
    model = shared.NETWORKS["dense"]
    files = TARGET.emit(model, {}).files
    with pytest.raises(InputError, match=r"give an array of shape \[T,B,12\]"):
        SIMULATOR.run_files(files, model.network, np.zeros((2, 12), np.float32), None)
    with pytest.raises(InputError, match="holds values that are no event counts"):
        SIMULATOR.run_files(files, model.network, np.full((2, 1, 12), 0.5, np.float32), None)


def test_running_draws_no_random_numbers_and_keeps_no_gradients() -> None:
    model = shared.NETWORKS["chain"]
    before = torch.random.get_rng_state()
    SIMULATOR.run_files(TARGET.emit(model, {}).files, model.network, sample_input(model.network), 3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.is_grad_enabled()
