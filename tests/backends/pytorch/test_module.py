"""A generated module computes what the reference does, over a sequence and step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from msc.ir.network import Network
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.simulate import simulate
from tests import networks as shared
from tests.backends.pytorch.examples import FIXTURES, conv, draw, dyadic_weights, networks
from tests.backends.pytorch.modules import arguments, imported, is_static, stepped
from tests.dyadic import sample_input, steps_of
from tests.networks import edge, net

MODELS = {**shared.NETWORKS, **{name: dyadic_weights(network, 1) for name, network in FIXTURES.items()}}


@pytest.fixture(autouse=True)
def _without_gradients() -> object:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("name", MODELS)
def test_sequence_and_steps_are_the_reference(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    inputs, steps = sample_input(model.network), steps_of(model.network)
    module = imported(model, tmp_path)
    expected = simulate(model, inputs, steps).outputs
    np.testing.assert_array_equal(module(*arguments(model.network, inputs, steps)), expected)
    outputs, _ = stepped(module, model.network, torch.from_numpy(inputs), steps)
    np.testing.assert_array_equal(outputs, expected)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 2**31))
def test_any_network_becomes_a_module(
    tmp_path_factory: pytest.TempPathFactory, network: Network, seed: int
) -> None:
    model = dyadic_weights(network, seed)
    inputs = draw(network, seed, batch=2)
    module = imported(model, tmp_path_factory.mktemp("artefact"))
    expected = simulate(model, inputs, network.timesteps).outputs
    np.testing.assert_array_equal(module(torch.from_numpy(inputs)), expected)
    outputs, _ = stepped(module, network, torch.from_numpy(inputs), len(expected))
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("name", ["delays", "delayed_chain", "cuba", "feedback", "membrane"])
def test_a_state_can_be_saved_and_taken_up_again(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    module, steps = imported(model, tmp_path), steps_of(model.network)
    x = torch.from_numpy(sample_input(model.network))
    whole, last = stepped(module, model.network, x, steps)
    first, state = stepped(module, model.network, x, 3)
    assert list(state) == list(module.rest(x if is_static(model.network) else x[0]))
    save_file(state, tmp_path / "state.safetensors")
    state = load_file(tmp_path / "state.safetensors")
    rest = x if is_static(model.network) else x[3:]
    second, end = stepped(module, model.network, rest, steps - 3, state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert all(torch.equal(end[name], last[name]) for name in last)


def test_a_step_leaves_the_state_it_was_given_as_it_is(tmp_path: Path) -> None:
    model = MODELS["delays"]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network))
    _, state = stepped(module, model.network, x, 3)
    kept = {name: tensor.clone() for name, tensor in state.items()}
    first, again = module.step(x[3], state)[0], module.step(x[3], state)[0]
    assert torch.equal(first, again)
    assert all(torch.equal(state[name], kept[name]) for name in kept)


def test_the_caller_may_fill_the_same_frame_again(tmp_path: Path) -> None:
    model = MODELS["delayed_chain"]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network))
    frame, state, outputs = torch.empty_like(x[0]), None, []
    for now in x:
        output, state = module.step(frame.copy_(now), state)
        outputs.append(output)
    assert torch.equal(torch.stack(outputs), module(x))


def test_samples_do_not_see_each_other_and_states_belong_to_a_batch(tmp_path: Path) -> None:
    model = MODELS["loop"]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network, batch=5))
    whole = module(x)
    for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
        assert torch.equal(module(x[:, part]), whole[:, part])


def test_event_counts_are_clipped_in_both(tmp_path: Path) -> None:
    model = MODELS["chain of events"]
    module = imported(model, tmp_path)
    counts = torch.from_numpy(draw(model.network, 3))
    assert counts.max() > 1
    assert torch.equal(module(counts), module(counts.clamp(max=1)))
    outputs, _ = stepped(module, model.network, counts, len(counts))
    np.testing.assert_array_equal(outputs, simulate(model, counts.numpy()).outputs)


@pytest.mark.parametrize("name", ["cuba", "delays", "membrane", "average_pool"])
def test_in_double_precision_and_inference_mode(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    inputs, steps = sample_input(model.network), steps_of(model.network)
    module = imported(model, tmp_path).double()
    with torch.inference_mode():
        found = module(*arguments(model.network, inputs.astype(np.float64), steps))
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found, simulate(model, inputs, steps).outputs)


def test_bfloat16_and_autocast_run(tmp_path: Path) -> None:
    model = MODELS["feedback"]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network))
    with torch.autocast("cpu", torch.bfloat16):
        assert 0 < module(x, 4).mean() < 1
    assert module.to(torch.bfloat16)(x.bfloat16(), 4).dtype == torch.bfloat16


def test_a_static_network_without_timesteps_asks_for_them(tmp_path: Path) -> None:
    network = net(Source((1, 3, 3)), {"head": LIF()}, edge("input", "head", conv(2), Flatten(), Linear(2)))
    network = Network(network.populations, network.projections, "head")
    model = dyadic_weights(network, 0)
    module, inputs = imported(model, tmp_path), draw(network, 0)
    found = module(torch.from_numpy(inputs), timesteps=3)
    np.testing.assert_array_equal(found, simulate(model, inputs, 3).outputs)
    with pytest.raises(TypeError, match="timesteps"):
        module(torch.from_numpy(inputs))


def test_a_thousand_steps_one_by_one_are_the_sequence(tmp_path: Path) -> None:
    network = net(
        Source((6,), InputKind.EVENTS),
        {"a": LIF(), "out": LIF()},
        edge("input", "a", Linear(8)),
        edge("out", "a", Linear(8), delay=7),
        edge("a", "out", Linear(4)),
    )
    module = imported(dyadic_weights(network, 3), tmp_path)
    x = torch.from_numpy(draw(network, 3, batch=2, steps=1000))
    outputs, state = stepped(module, network, x, 1000)
    assert torch.equal(outputs, module(x))
    assert set(state) == {"a", "out", *(f"out@{n}" for n in range(1, 8))}


def test_the_source_runs_where_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose code has no __file__: weights are looked for in the working folder."""
    model = MODELS["dense"]
    expected = imported(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    notebook: dict[str, object] = {"__name__": "__main__"}
    exec((tmp_path / "network.py").read_text(), notebook)
    x = torch.from_numpy(sample_input(model.network))
    assert torch.equal(notebook["load"]()(x), expected(x))  # type: ignore[operator]
