"""Initial weights: bounds by fan-in, seeded by part name, signs kept, biases where nothing else can fire."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msc.backends.pytorch import SpikingNetwork
from msc.compiler.initialise import initial_model
from msc.compiler.initialise.untrained import expected_rate
from msc.ir.network import Norm, NormKind, Population, Sign
from msc.ir.neurons import LIF
from msc.ir.ops import AvgPool2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.verify import verify_model
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from tests.networks import NETWORKS, PIXELS, conv, edge, net


def normed():
    return net(
        PIXELS,
        {"a": LIF(), "i": LIF(), "out": LIF()},
        edge("input", "a", conv(4), norm=Norm()),
        edge("a", "i", conv(4), norm=Norm()),
        edge("a", "out", SumPool2d((6, 6), (6, 6)), Scale(1 / 36), Flatten(), Linear(5)),
        edge("i", "out", Flatten(), Linear(5), sign=Sign.INHIBITORY),
        edge("i", "a", conv(4), sign=Sign.INHIBITORY, delay=1, norm=Norm(NormKind.SCALE)),
        timesteps=4,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gets_complete_weights(name: str) -> None:
    verify_model(initial_model(NETWORKS[name].network, 3))


def test_weights_before_a_norm_are_bounded_by_fan_in() -> None:
    weights = initial_model(normed(), 0).weights
    bound = 1 / np.sqrt(2 * 9)
    found = weights["input>a/0/weight"]
    assert np.abs(found).max() <= bound
    assert np.abs(found).max() > 0.9 * bound
    assert found.min() < -0.8 * bound


def test_signs_gammas_and_statistics() -> None:
    weights = initial_model(normed(), 0).weights
    assert (weights["i>out/1/weight"] <= 0).all()
    assert (weights["i>a/0/weight"] <= 0).all()
    assert set(weights["input>a/norm/gamma"]) == {1.0}
    assert set(weights["i>a/norm/gamma"]) == {0.5}
    assert not weights["a/bias"].any()


def test_running_statistics_are_those_of_independent_inputs() -> None:
    """Spikes drawn at the expected rate, through the drawn weights; without centring the mean square."""
    weights = initial_model(normed(), 0).weights
    spikes = np.random.default_rng(0).random((20_000, 4 * 9)) < expected_rate(Population("a", LIF()))
    for name, centred in (("a>i", True), ("i>a", False)):
        raw = spikes @ weights[f"{name}/0/weight"].reshape(4, -1).T.astype(np.float64)
        if centred:
            np.testing.assert_allclose(weights[f"{name}/norm/mean"], raw.mean(0), atol=0.01)
        expected = raw.var(0) if centred else np.square(raw).mean(0)
        np.testing.assert_allclose(weights[f"{name}/norm/var"], expected, rtol=0.05)


def test_without_a_norm_the_current_has_variance_one_at_the_expected_rate() -> None:
    """Binary inputs at the rate that the scale assumes, through 3,600 inputs a neuron."""
    network = net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(100)),
        edge("a", "out", Flatten(), Linear(400)),
    )
    weight = initial_model(network, 0).weights["a>out/1/weight"].astype(np.float64)
    rate = expected_rate(Population("a", LIF()))
    spikes = np.random.default_rng(0).random((weight.shape[1], 30)) < rate
    assert (weight @ spikes).std() == pytest.approx(1, rel=0.05)


def test_the_same_part_draws_the_same_in_another_network() -> None:
    whole, part = normed(), normed().with_projections(normed().projections[:3])
    a, b = initial_model(whole, 5).weights, initial_model(part, 5).weights
    np.testing.assert_array_equal(a["input>a/0/weight"], b["input>a/0/weight"])
    assert (a["input>a/0/weight"] != initial_model(whole, 6).weights["input>a/0/weight"]).any()
    assert (a["input>a/0/weight"] != a["a>i/0/weight"][:, :2]).any()


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = initial_model(normed(), 1).weights, initial_model(normed(), 1).weights
    assert {n: w.tobytes() for n, w in first.items()} == {n: w.tobytes() for n, w in second.items()}


def test_neurons_behind_identity_and_pool_alone_can_fire() -> None:
    """SNASNet's neuron (threshold 1, r 1) reaches 0.94 under two spikes of weight 1: it needs a bias."""
    neuron = LIF(4 / 3, 1.0, 1.0)
    network = net(
        PIXELS,
        {"a": neuron, "same": neuron, "pooled": neuron, "out": neuron},
        edge("input", "a", conv(8), norm=Norm()),
        edge("a", "same"),
        edge("same", "pooled", AvgPool2d((3, 3), (1, 1), (1, 1))),
        edge("pooled", "out", Flatten(), Linear(200)),
        timesteps=6,
    )
    model = initial_model(network, 0)
    assert model.weights["same/bias"].min() > 0.3
    x = np.random.default_rng(0).random((4, 2, 6, 6)).astype(np.float32)
    module = SpikingNetwork(network).train()
    module.load_weights(model.weights)
    with torch.no_grad():
        rates = {name: float(spikes.mean()) for name, spikes in module.stream(torch.from_numpy(x))}
    assert all(0.001 < rate < 0.6 for rate in rates.values()), rates
    with torch.no_grad():
        module.get_parameter("same/bias").zero_()
        unbiased = {name: float(spikes.mean()) for name, spikes in module.stream(torch.from_numpy(x))}
    assert unbiased["same"] == 0


@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_genomes_of_both_spaces_get_weights(space: str) -> None:
    for seed in range(5):
        genome = new_genome(
            space, seed, input_shape=(1, 8, 8), channels=3, hidden=None if space == "mse-nas" else 16
        )
        network = require_connected(genome).network
        assert network is not None
        verify_model(initial_model(network, seed))
