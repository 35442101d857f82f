"""Fixed-point networks: their rules, and their arithmetic against Lava's equations in plain integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msc.ir.network import Model
from msc.ir.neurons import LIF, FixedLIF, Source
from msc.ir.ops import Quantise
from msc.ir.simulate import simulate
from msc.ir.step import State, fixed_step
from msc.ir.text import parse_network, print_network
from msc.ir.verify import InvalidNetworkError, verify_model
from tests.fixed_networks import FIXED, sample
from tests.networks import PIXELS, conv, edge, net


def lava_step(u: int, v: int, a: int, bias: int, vth: int, du: int, dv: int) -> tuple[int, int, int]:
    """One step of one neuron as lava-nc 0.10.0 writes it, in Python's integers: u, v, spike."""

    def decayed(value: int, factor: int) -> int:
        return (1 if value > 0 else -1) * ((abs(value) * factor) >> 12)

    current = decayed(u, 4096 - (du + 1)) + (a << 6)
    u = current - 2**24 if current > 2**23 else current + 2**24 if current <= -(2**23) else current
    v = min(max(decayed(v, 4096 - dv) + u + bias, -(2**23 - 1)), 2**23 - 1)
    spike = int(v > vth << 6)
    return u, 0 if spike else v, spike


@pytest.mark.parametrize(("du", "dv"), [(4095, 2048), (4095, 0), (4095, 4095), (0, 1365), (1000, 700)])
def test_a_step_is_lavas_to_the_last_bit(du: int, dv: int) -> None:
    rng = np.random.default_rng(du + dv)
    state = State.at_rest((200,))
    expected = [(0, 0, 0)] * 200
    bias, vth = rng.integers(-9000, 9000, 200), rng.integers(0, 3000, 200)
    for _ in range(60):
        a = rng.integers(-(2**17), 2**17, 200) * (rng.random(200) < 0.5)
        spikes, _ = fixed_step(
            FixedLIF(du, dv), state, a.astype(float), bias.astype(float), vth.astype(float)
        )
        expected = [
            lava_step(u, v, *map(int, values), du, dv)
            for (u, v, _), values in zip(expected, zip(a, bias, vth, strict=True), strict=True)
        ]
        assert state.synaptic.tolist() == [u for u, _, _ in expected]
        assert state.membrane.tolist() == [v for _, v, _ in expected]
        assert spikes.tolist() == [s for _, _, s in expected]
    assert 0.02 < np.mean([s for _, _, s in expected]) < 0.98


@pytest.mark.parametrize("name", FIXED)
def test_the_fixtures_are_valid_and_alive(name: str) -> None:
    model = FIXED[name]
    verify_model(model)
    assert parse_network(print_network(model.network)) == model.network
    outputs = simulate(model, sample(model.network)).outputs
    assert 0.02 < outputs.mean() < 0.95
    assert (outputs != outputs[:, :1]).any()


def test_a_population_rests_until_it_starts() -> None:
    model = FIXED["chain"]
    late = tuple(
        replace(p, neuron=replace(p.neuron, start=3)) if p.name == "a" else p
        for p in model.network.populations
    )
    started = Model(replace(model.network, populations=late), model.weights)
    x = sample(model.network)
    before, after = simulate(model, x).spikes["a"], simulate(started, x).spikes["a"]
    assert not after[:3].any()
    assert np.array_equal(after[3:], before[:-3])


def test_a_quantiser_rounds_ties_to_even_and_clips() -> None:
    network = net(
        Source((1, 1, 4)),
        {"out": FixedLIF(4095, 0)},
        edge("input", "out", Quantise(2.0, 3), conv(1, 1)),
        timesteps=1,
    )
    weights = {"input>out/1/weight": np.ones((1, 1, 1, 1), np.float32)}
    weights |= {"out/threshold": np.full(1, 1000, np.float32), "out/bias": np.zeros(1, np.float32)}
    frame = np.array([0.25, 0.75, 9, -9], np.float32).reshape(1, 1, 1, 4)
    membrane = simulate(Model(network, weights), frame, membranes=True).membranes["out"]
    assert membrane.ravel().tolist() == [0, 2 * 64, 3 * 64, -3 * 64]


def test_rules_name_all_that_break_them() -> None:
    model = FIXED["chain"]
    broken = dict(model.weights)
    broken["a>b/0/weight"] = broken["a>b/0/weight"] + np.float32(0.5)
    broken["b/threshold"] = broken["b/threshold"] - np.float32(2**20)
    with pytest.raises(InvalidNetworkError) as caught:
        verify_model(Model(model.network, broken))
    text = str(caught.value)
    assert "weights a>b/0/weight: holds values that are no integers; quantise the network" in text
    assert "weights b/threshold: holds values outside 0..131071" in text


def test_number_kinds_do_not_mix_and_spikes_are_not_quantised() -> None:
    network = net(
        PIXELS,
        {"a": FixedLIF(5000, -1, -2), "out": LIF()},
        edge("input", "a", conv(2)),
        edge("a", "out", Quantise(1.0, 1), conv(2)),
        timesteps=2,
    )
    with pytest.raises(InvalidNetworkError) as caught:
        verify_model(Model(network, {}))
    text = str(caught.value)
    assert "network: mixes fixed-point populations with out; quantise all or none" in text
    assert "projection a>out: quantises what is no analog source" in text
    assert "population a: decay_u is 5000, a 12-bit decay is 0 to 4095" in text
    assert "population a: decay_v is -1" in text
    assert "population a: start is -2" in text
