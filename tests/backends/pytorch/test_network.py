"""The executor computes what the reference simulator defines, and trains what it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.backends.pytorch import SpikingNetwork
from msc.ir.network import Model, Network
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import InputError, simulate
from msc.ir.verify import InvalidNetworkError
from tests import networks as shared
from tests.backends.pytorch.examples import FIXTURES, NORMED, chain, draw, dyadic_weights, networks
from tests.dyadic import sample_input, steps_of
from tests.strategies import models


def executor(model: Model) -> SpikingNetwork:
    network = SpikingNetwork(model.network).eval()
    network.load_weights(model.weights)
    return network


def simulated_steps(network: Network) -> int | None:
    source = network.source.neuron
    assert isinstance(source, Source)
    return steps_of(network) if source.kind is InputKind.STATIC else None


def assert_as_reference(model: Model, inputs: np.ndarray, network: SpikingNetwork, steps: int | None) -> None:
    trace = simulate(model, inputs, steps)
    with torch.no_grad():
        values = network.record(torch.from_numpy(inputs), steps)
    assert set(values) == set(trace.spikes)
    for name, expected in trace.spikes.items():
        spiking = not isinstance(model.network.population(name).neuron, LI)
        found = values[name].numpy()
        np.testing.assert_array_equal(
            found, expected, err_msg=name
        ) if spiking else np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize("seed", [0, 1])
def test_float32_equals_the_reference_on_dyadic_weights(name: str, seed: int) -> None:
    model = dyadic_weights(FIXTURES[name], seed)
    inputs = draw(model.network, seed)
    trace = simulate(model, inputs, model.network.timesteps)
    assert any(0 < s.mean() < 1 for s in trace.spikes.values())
    assert_as_reference(model, inputs, executor(model), model.network.timesteps)


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_float32_equals_the_reference_on_every_shared_fixture(name: str) -> None:
    model = shared.NETWORKS[name]
    inputs = sample_input(model.network)
    steps = simulated_steps(model.network)
    assert_as_reference(model, inputs, executor(model), steps)


@pytest.mark.parametrize("name", shared.NORMED)
def test_float64_equals_the_reference_on_shared_fixtures_with_norms(name: str) -> None:
    model = shared.NORMED[name]
    inputs = sample_input(model.network)
    assert_as_reference(model, inputs, executor(model).double(), simulated_steps(model.network))


@settings(max_examples=50)
@given(models())
def test_any_shared_dyadic_model_equals_the_reference(model: Model) -> None:
    inputs = sample_input(model.network)
    assert_as_reference(model, inputs, executor(model), simulated_steps(model.network))


@pytest.mark.parametrize("name", NORMED)
def test_float64_equals_the_reference_with_norms(name: str) -> None:
    model = dyadic_weights(NORMED[name], 3)
    inputs = draw(model.network, 3)
    assert_as_reference(model, inputs, executor(model).double(), model.network.timesteps)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 2**31))
def test_any_network_equals_the_reference(network: Network, seed: int) -> None:
    model = dyadic_weights(network, seed)
    inputs = draw(network, seed, batch=2)
    assert_as_reference(model, inputs, executor(model).double(), network.timesteps)
    assert_as_reference(model, inputs, executor(model), network.timesteps)


def test_timesteps_override_the_network() -> None:
    model = dyadic_weights(chain(), 0)
    inputs = draw(model.network, 0)
    assert executor(model)(torch.from_numpy(inputs), timesteps=2).shape == (2, 3, 5)
    assert_as_reference(model, inputs, executor(model), 1)  # shorter than a delay


def test_weights_come_back_as_they_went_in() -> None:
    model = dyadic_weights(NORMED["feedback"], 5)
    exported = executor(model).export_weights()
    assert set(exported) == set(model.weights)
    for key, array in model.weights.items():
        np.testing.assert_array_equal(exported[key], array, err_msg=key)
        assert exported[key].dtype == np.float32


def test_weights_that_do_not_fit_are_all_named() -> None:
    model = dyadic_weights(chain(), 0)
    weights = dict(model.weights)
    del weights["stem/bias"]
    weights["head/bias"] = np.zeros(7, np.float32)
    with pytest.raises(InvalidNetworkError) as caught:
        SpikingNetwork(model.network).load_weights(weights)
    assert "weights stem/bias: missing" in str(caught.value)
    assert "weights head/bias: has shape [7]" in str(caught.value)


def test_parameters_carry_the_names_of_the_ir() -> None:
    network = SpikingNetwork(NORMED["chain"])
    names = [*dict(network.named_parameters()), *dict(network.named_buffers())]
    names.remove("float_type")
    assert {name.replace(":", ".") for name in names} == set(weight_shapes(NORMED["chain"]))
    assert {n for n in names if n.endswith(("mean", "var"))} == set(dict(network.named_buffers())) - {
        "float_type"
    }


def test_inputs_of_another_shape_are_refused() -> None:
    network = SpikingNetwork(chain())
    with pytest.raises(
        InputError, match=r"input: shape \[3, 2, 6, 5\] does not fit the static source; give .*\[B,2,6,6\]"
    ):
        network(torch.zeros(3, 2, 6, 5))
    events = SpikingNetwork(FIXTURES["chain of events"])
    with pytest.raises(
        InputError, match=r"does not fit the events source; give an array of shape \[T,B,2,6,6\]"
    ):
        events(torch.zeros(3, 2, 6, 6))
    with pytest.raises(InputError, match="has 4 steps, not 3"):
        events(torch.zeros(4, 1, 2, 6, 6), timesteps=3)
    for value in (0.5, -1.0):
        with pytest.raises(InputError, match="holds values that are no event counts"):
            events(torch.full((4, 1, 2, 6, 6), value))
