"""Fine-tuning spikes as the integers do, to the last bit, and learns as if nothing had been rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msc.backends.lava.emulator import emulate
from msc.backends.pytorch.fake_quantise import Exchange, FakeQuantisedNetwork
from msc.backends.pytorch.network import SpikingNetwork
from msc.backends.pytorch.surrogates import find_surrogate
from msc.compiler.initialise import draw_input, random_model
from msc.ir.network import Model, Norm, Population
from msc.ir.neurons import LIF, FixedLIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.training.finetuning import Quantised, find_finetuning
from tests.networks import INHIBITORY, NORMED, STRUCTURES, conv, edge, net, rounding

STEPS = 12
OPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"thresholds": "population"},
    {"input": "bias"},
    {"biases": "coarse"},
)
LOIHI = find_finetuning("loihi")
REFUSED = {"sum_pool", "cuba", "membrane", "batch_cuba"}
TIMED = {"delayed_chain", "analog"}  # frames change: no input=bias


def _without_bias(model: Model) -> Model:
    weights = {key: array * (not key.endswith("/bias")) for key, array in model.weights.items()}
    return Model(model.network, weights)


MODELS: dict[str, Model] = {
    **{name: rounding(network) for name, network in STRUCTURES.items() if name not in REFUSED},
    **{f"normed {name}": model for name, model in NORMED.items() if name not in REFUSED},
    "cuba without bias": _without_bias(rounding(STRUCTURES["cuba"])),
}
SMALL = {"input_shape": (2, 8, 8), "classes": 3, "votes": 2, "channels": 4, "timesteps": 4}


def quantised(model: Model, **options: str) -> Quantised:
    return LOIHI.quantised(model, options)


def inputs(model: Model, seed: int = 1) -> NDArray[Any]:
    """Draw six samples."""
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return draw_input(source, seed, 6, STEPS).astype(np.float32)


def following(model: Model, made: Quantised, double: bool = False) -> FakeQuantisedNetwork:
    module = FakeQuantisedNetwork(model.network)
    module.load_weights(model.weights)
    module = module.double() if double else module
    module.follow(made.model, made.units)
    return module.train()


def recorded(module: SpikingNetwork, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    static = len(x) == 6
    with torch.no_grad():
        found = module.record(torch.from_numpy(x), STEPS if static else None)
    return {name: values.float().numpy() for name, values in found.items()}


def spikes_of(fixed: Model, x: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    static = len(x) == 6
    return emulate(fixed, x, STEPS if static else None).spikes


def same(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> None:
    assert found.keys() == expected.keys()
    for name, spikes in expected.items():
        np.testing.assert_array_equal(found[name], spikes, err_msg=name)


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, o) for name in MODELS for o in OPTIONS if name not in TIMED or "input" not in o],
    ids=str,
)
def test_in_training_it_spikes_as_the_emulator(name: str, options: dict[str, str]) -> None:
    model = MODELS[name]
    made, x = quantised(model, **options), inputs(model)
    expected = spikes_of(made.model, x)
    assert any(spikes.any() for spikes in expected.values())
    same(recorded(following(model, made), x), expected)


@pytest.mark.parametrize("seed", range(4))
def test_genomes_with_norms_spike_as_the_emulator(seed: int) -> None:
    """In float64 and under autocast too: integers are summed as integers."""
    network = require_connected(new_genome("mse-nas", seed, layers=4, **SMALL)).network
    assert network is not None
    model = random_model(network, seed)
    made, x = quantised(model), inputs(model)
    expected = spikes_of(made.model, x)
    assert expected[network.output].any()
    same(recorded(following(model, made, double=True), x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        same(recorded(following(model, made), x), expected)
    module = following(model, made)
    with_gradients = module.record(torch.from_numpy(x), STEPS)
    same({name: values.detach().numpy() for name, values in with_gradients.items()}, expected)
    float_spikes = recorded(SpikingNetwork(network).eval(), x)
    assert any(not np.array_equal(float_spikes[name], expected[name]) for name in expected)


def test_in_evaluation_it_is_the_float_network() -> None:
    model = NORMED["batch_feedback"]
    plain = SpikingNetwork(model.network)
    plain.load_weights(model.weights)
    x = inputs(model)
    same(recorded(following(model, quantised(model)).eval(), x), recorded(plain.eval(), x))


def test_running_statistics_stay() -> None:
    model = NORMED["scale_delays"]
    module = following(model, quantised(model))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    module(torch.from_numpy(inputs(model))).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_what_no_compiler_keeps_runs_in_floating_point() -> None:
    """`b` reaches nothing: the fixed-point network has no such population."""
    network = net(
        Source((2, 6, 6), InputKind.EVENTS),
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("a", "out", Flatten(), Linear(5)),
    )
    model = rounding(network)
    made, x = quantised(model), inputs(model)
    expected = spikes_of(made.model, x)
    assert set(expected) == {"a", "out"}
    found = recorded(following(model, made), x)
    assert found["b"].any()
    same({name: found[name] for name in expected}, expected)


def test_replicas_share_the_integers() -> None:
    model, x = MODELS["chain"], inputs(MODELS["chain"])
    module = following(model, quantised(model))
    other = module.another()
    assert isinstance(other, FakeQuantisedNetwork)
    other.load_weights(model.weights)
    made = quantised(model, thresholds="population")
    module.follow(made.model, made.units)
    same(recorded(other.train(), x), spikes_of(made.model, x))


def test_an_exchange_passes_gradients_on_as_they_are() -> None:
    """Each current gets the whole gradient, summed where it was repeated, in its own type."""
    one = torch.zeros(1, 2, 3, requires_grad=True)
    other = torch.zeros(4, 2, 3, dtype=torch.bfloat16, requires_grad=True)
    integers = torch.arange(24.0).view(4, 2, 3)
    exchanged = Exchange.apply((integers,), one, other)
    assert isinstance(exchanged, torch.Tensor)
    assert torch.equal(exchanged, integers)
    weights = torch.arange(24.0).view(4, 2, 3) / 8
    (exchanged * weights).sum().backward()
    assert one.grad is not None
    assert other.grad is not None
    assert torch.equal(one.grad, weights.sum(0, keepdim=True))
    assert other.grad.dtype is torch.bfloat16
    assert torch.equal(other.grad, weights.bfloat16())


RECURRENT = net(
    Source((12,), InputKind.EVENTS),
    {"a": LIF(), "out": LIF(tau=3.0, r=1.5)},
    edge("input", "a", Linear(10), norm=Norm()),
    edge("a", "out", Linear(5)),
    edge("out", "out", Linear(5), sign=INHIBITORY, delay=1),
)


def _clipped(made: Quantised) -> Quantised:
    """Hold small weights only: many lie outside of that."""
    weights = {
        key: np.clip(array, -90, 90) if key.endswith("/weight") else array
        for key, array in made.model.weights.items()
    }
    assert any(not np.array_equal(weights[key], array) for key, array in made.model.weights.items())
    return Quantised(Model(made.model.network, weights), made.units)


@pytest.mark.parametrize("clip", [False, True], ids=["rounded", "clipped"])
def test_gradients_are_those_of_the_float_network_at_the_spikes_of_integers(clip: bool) -> None:
    """Against plain loops: a weight's gradient is that of no rounding, inside of its range and outside."""
    model = rounding(RECURRENT, 3)
    made = _clipped(quantised(model)) if clip else quantised(model)
    x = inputs(model)
    module = following(model, made, double=True)
    outputs = module(torch.from_numpy(x))
    pull = torch.from_numpy(np.random.default_rng(0).normal(size=tuple(outputs.shape)))
    (outputs * pull).sum().backward()
    stored = {n.replace(":", "."): p.detach().clone().requires_grad_() for n, p in module.named_parameters()}
    mirrored = _mirror(stored, model, made, torch.from_numpy(x).double())
    np.testing.assert_array_equal(mirrored.detach().numpy(), outputs.detach().numpy())
    (mirrored * pull).sum().backward()
    for name, parameter in module.named_parameters():
        expected = stored[name.replace(":", ".")].grad
        assert parameter.grad is not None
        assert expected is not None
        assert expected.abs().max() > 0
        torch.testing.assert_close(parameter.grad, expected, msg=name, rtol=1e-6, atol=1e-9)


def _mirror(
    stored: Mapping[str, torch.Tensor], model: Model, made: Quantised, x: torch.Tensor
) -> torch.Tensor:
    """Compute the outputs of RECURRENT, each value the integers', each derivative the float network's."""
    mean, variance = (
        torch.from_numpy(model.weights[f"input>a/norm/{key}"]).double() for key in ("mean", "var")
    )
    gain = stored["input>a/norm/gamma"] / (variance + 1e-5).sqrt()
    shift = stored["a/bias"] - gain * mean
    inner = -stored["out>out/0/weight"].abs()
    a, out = _Neurons(model, made, "a", 6), _Neurons(model, made, "out", 6)
    fixed = {key: torch.from_numpy(array).double() for key, array in made.model.weights.items()}
    last, emitted = torch.zeros(6, 5, dtype=torch.double), []
    for frame in x:
        first = a.step(
            gain * (frame @ stored["input>a/0/weight"].T) + shift, frame @ fixed["input>a/0/weight"].T
        )
        last = out.step(
            first @ stored["a>out/0/weight"].T + last @ inner.T + stored["out/bias"],
            (first @ fixed["a>out/0/weight"].T + last @ fixed["out>out/0/weight"].T).detach(),
        )
        emitted.append(last)
    return torch.stack(emitted)


class _Neurons:
    """One population, stepped twice: in floating point, and as FixedLIF."""

    def __init__(self, model: Model, made: Quantised, name: str, batch: int) -> None:
        neuron = model.network.population(name).neuron
        fixed = made.model.network.population(name)
        assert isinstance(neuron, LIF)
        assert isinstance(fixed.neuron, FixedLIF)
        self.neuron, self.decay = neuron, fixed.neuron.decay_v
        self.threshold, self.bias = (self._of(made, fixed, key) for key in ("threshold", "bias"))
        self.unit = torch.from_numpy(made.units[name]) * (neuron.r / neuron.tau) / 64
        self.v = torch.zeros(batch, len(self.threshold), dtype=torch.double)
        self.membrane = self.v
        self.surrogate = find_surrogate("atan")

    @staticmethod
    def _of(made: Quantised, population: Population, key: str) -> torch.Tensor:
        return torch.from_numpy(made.model.weights[f"{population.name}/{key}"]).double()

    def step(self, current: torch.Tensor, weighted: torch.Tensor) -> torch.Tensor:
        self.v = torch.trunc(self.v * (4096 - self.decay) / 4096) + 64 * weighted + self.bias
        spikes = (self.v > 64 * self.threshold).double()
        tau, r, v_threshold = self.neuron.tau, self.neuron.r, self.neuron.v_threshold
        free = (1 - 1 / tau) * self.membrane + r / tau * current
        value = v_threshold + (self.v - 64 * self.threshold - 0.5) * self.unit
        membrane = free + (value - free).detach()
        smooth = self.surrogate.primitive(membrane - v_threshold)
        self.v = self.v * (1 - spikes)
        self.membrane = membrane * (1 - spikes)
        return smooth + (spikes - smooth).detach()


def test_the_float_membrane_lies_above_its_threshold_where_the_integer_one_fires() -> None:
    """Whatever the threshold: backwards, spikes are told from membranes."""
    model = rounding(RECURRENT, 3)
    made = quantised(model)
    for largest in (1, 131071):
        weights = dict(made.model.weights)
        weights["a/threshold"] = np.full_like(weights["a/threshold"], largest)
        units = {**made.units, "a": np.full(10, 2 / largest)}  # v_threshold / (threshold r / tau)
        module = following(model, Quantised(replace_weights(made.model, weights), units))
        form = module._dynamics("a", 1).fixed
        assert form is not None
        beside = torch.tensor([[-1.0], [0.0], [1.0], [2.0]]) + form.threshold
        floating = torch.empty(4, 10)
        form.floating(beside, 1.0, out=floating)
        assert torch.equal(floating >= 1.0, beside > form.threshold)


def replace_weights(model: Model, weights: Mapping[str, NDArray[Any]]) -> Model:
    return replace(model, weights=weights)
