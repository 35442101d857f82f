"""Each guard on spikes small enough to work by hand, and on the network it exists for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msc.ir.network import Network
from msc.ir.neurons import LIF
from msc.ir.ops import Flatten, Linear
from msc.search.scoring.guards import (
    Guards,
    Limits,
    finite_or_none,
    output_diversity,
    output_variance,
    possible_diversity,
)
from msc.search.scoring.responses import Response, respond
from tests.networks import PIXELS, conv, edge, net

NETWORK: Network = net(
    PIXELS,
    {"a": LIF(), "out": LIF()},
    edge("input", "a", conv(3)),
    edge("a", "out", Flatten(), Linear(4)),
)
STEPS, SAMPLES = 4, 6


def healthy(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    rates = rng.random((1, SAMPLES, 3, 1, 1)) * 0.6
    a = rng.random((STEPS, SAMPLES, 3, 6, 6)) < rates
    out = rng.random((STEPS, SAMPLES, 4)) < rng.random((1, SAMPLES, 4)) * 0.6
    return {"a": torch.from_numpy(a).float(), "out": torch.from_numpy(out).float()}


def responses(**changed: torch.Tensor) -> list[tuple[Response, ...]]:
    return [tuple(respond(name, spikes) for name, spikes in (healthy() | changed).items())]


def broken(batches: list[tuple[Response, ...]], guards: Guards | None = None) -> dict[str, str]:
    found = (guards or Guards()).violations(NETWORK, batches)
    assert all(0 < v.amount <= 1 for v in found)
    return {v.guard: v.what for v in found}


def test_a_healthy_network_passes() -> None:
    assert broken(responses()) == {}


def test_a_silent_population_is_named() -> None:
    found = broken(responses(a=torch.zeros(STEPS, SAMPLES, 3, 6, 6)))
    assert found["silent"] == "a below 0.1%"
    assert found["diversity"] == "0.00 effective dimensions reach the output, 1.50 are needed"


def test_a_saturated_population_is_named() -> None:
    found = broken(responses(a=torch.ones(STEPS, SAMPLES, 3, 6, 6)))
    assert found["saturated"] == "a above 90%"
    assert found["rate"].startswith("mean rate 9")
    assert found["rate"].endswith("%, outside 0.5% to 50%")


def test_a_rate_below_the_window() -> None:
    spikes = torch.zeros(STEPS, SAMPLES, 3, 6, 6)
    spikes[0, :3, 0, 0, 0] = 1
    spikes[0, 3:, 1, 0, 0] = 1
    out = torch.zeros(STEPS, SAMPLES, 4)
    out[0, 0, 0] = 1
    found = broken(responses(a=spikes, out=out), Guards(silent=0.0))
    rate = (6 + 1) / (STEPS * SAMPLES * (108 + 4))
    assert found["rate"] == f"mean rate {rate:.2%}, outside 0.5% to 50%"


def test_an_output_that_is_the_same_for_all_samples() -> None:
    """It fires, at a healthy rate, and says nothing: rates alone would pass it."""
    out = torch.zeros(STEPS, SAMPLES, 4)
    out[:2] = 1
    assert broken(responses(out=out)) == {"output": "output varies over samples by 0.0e+00 only"}


def test_channels_that_move_together_have_one_dimension() -> None:
    """Rank collapse, as under strict Dale: every channel follows one and the same brightness."""
    a = torch.zeros(STEPS, SAMPLES, 3, 6, 6)
    for sample in range(SAMPLES):
        a[:, sample, :, 0, : sample + 1] = 1
    batches = responses(a=a)
    assert output_diversity(NETWORK, batches[0]) == pytest.approx(1.0)
    assert set(broken(batches)) == {"diversity"}


def test_diversity_by_hand() -> None:
    """Two samples' worth of independent directions: rates (1,0,0), (0,1,0), (0,0,1), centred.

    The covariance has eigenvalues (1, 1, 0) up to a factor: (1 + 1)^2 / (1 + 1) = 2.
    """
    a = torch.zeros(1, 3, 3, 6, 6)
    for i in range(3):
        a[0, i, i] = 1
    out = torch.zeros(1, 3, 4)
    batch = (respond("a", a), respond("out", out))
    assert output_diversity(NETWORK, batch) == pytest.approx(2.0)
    assert possible_diversity(NETWORK, batch) == 2


def test_one_channel_is_not_asked_for_more_than_it_can_have() -> None:
    network = net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(1)),
        edge("a", "out", Flatten(), Linear(4)),
    )
    spikes = (torch.rand(STEPS, SAMPLES, 1, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    batch = (respond("a", spikes), respond("out", healthy()["out"]))
    assert possible_diversity(network, batch) == 1
    assert "diversity" not in {v.guard for v in Guards().violations(network, [batch])}


def test_output_variance_by_hand() -> None:
    """Rates of the four output neurons: 1 or 0 in every other sample, variance 1/4, in one neuron of four."""
    out = torch.zeros(STEPS, SAMPLES, 4)
    out[:, ::2, 0] = 1
    batch = (respond("a", healthy()["a"]), respond("out", out))
    assert output_variance(NETWORK, batch) == pytest.approx(1 / 16)


def test_limits_list_all_that_are_broken() -> None:
    limits = Limits(max_params=10, max_synops=50, min_neurons=100, max_neurons=200)
    assert limits.violations(10, 150, 50.0) == ()
    found = {v.guard: (v.amount, v.what) for v in limits.violations(20, 50, 200.0)}
    assert found == {
        "max-params": (0.5, "20 parameters, at most 10 wanted"),
        "max-synops": (0.75, "200 synaptic operations a sample, at most 50 wanted"),
        "min-neurons": (0.5, "50 neurons, at least 100 wanted"),
    }
    assert [v.guard for v in limits.violations(1, 400)] == ["max-neurons"]
    assert Limits().violations(10**12, 0, 1e18) == ()


def test_numbers_that_are_none_cannot_be_compared() -> None:
    values = {"sahd": float("-inf"), "hd": float("nan"), "bie": 3.0}
    assert finite_or_none(values) == {"sahd": None, "hd": None, "bie": 3.0}
