"""The estimate without data: by hand, on every fixture network, in every target's report."""

from __future__ import annotations

import json

import numpy as np
import pytest

from msc.compiler.driver import compile_model, find_target
from msc.compiler.energy.estimate import RATES, estimate
from msc.compiler.energy.prices import TERMS
from msc.compiler.energy.profile import energy_profile_names
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import latency
from msc.ir.network import Model
from msc.ir.neurons import InputKind
from tests.compiler.energy.reports import MODELS
from tests.compiler.energy.runs import dense
from tests.fixed_networks import FIXED
from tests.networks import NETWORKS


@pytest.mark.parametrize("name", MODELS)
def test_every_network_is_estimated(name: str) -> None:
    found = estimate(MODELS[name])
    assert estimate(MODELS[name]) == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["rates"] == list(RATES) == [0.01, 0.05, 0.1, 0.2]
    assert found["per"] == ("step" if MODELS[name].network.timesteps is None else "sample")
    assert 0 < found["synapses_nonzero"] <= found["synapses_structural"]
    assert set(found["profiles"]) == set(energy_profile_names())
    for profile, told in found["profiles"].items():
        if profile == "loihi2":
            assert told["total_nj"] is None
            assert set(told["terms_nj"].values()) == {None}
            continue
        lows, highs = ([each[end] for each in told["total_nj"]] for end in ("low", "high"))
        assert lows == sorted(lows)
        assert highs == sorted(highs)
        assert all(low <= high for low, high in zip(lows, highs, strict=True))
        assert set(told["terms_nj"]) == set(TERMS)
        assert told["terms_nj"]["static"] is None


def test_an_estimate_by_hand() -> None:
    """Six inputs, four and two neurons; 24 and 8 synapses, no steps known: per step."""
    wiring = dense(InputKind.EVENTS)
    found = estimate(Model(wiring.network))
    assert (found["per"], found["steps"], found["neurons"]) == ("step", None, 6)
    assert (found["dense"], found["neuron_updates_dense"]) == (32, 6)
    assert found["footprint_bytes"] == 4 * (32 + 6)
    assert found["connection_sparsity"] == 0
    loihi = found["profiles"]["loihi1"]
    for index, rate in enumerate(RATES):
        low = rate * 32 * 23.6 + 6 * 52 + rate * 6 * 29
        assert loihi["total_nj"][index]["low"] == pytest.approx(low / 1000, rel=1e-5)
        high = rate * 32 * 23.6 + 6 * 81
        assert loihi["total_nj"][index]["high"] == pytest.approx(high / 1000, rel=1e-5)
    assert loihi["missing"] == ["messages", "static"]
    assert loihi["total_nj_once"] is None


def test_analog_values_are_never_zero() -> None:
    """4 steps, the frame of 6 values at each, or once: 96 or 24 MACs of 24 synapses, at any rate."""
    wiring = dense(InputKind.STATIC)
    found = estimate(Model(wiring.network))["profiles"]
    told = found["cmos45-fp32"]["terms_nj"]["synaptic_operations"]
    for index, rate in enumerate(RATES):
        expected = 96 * 4.6 + 4 * rate * 8 * 0.9
        assert told[index]["low"] == pytest.approx(expected / 1000, rel=1e-5)
    assert found["cmos45-fp32"]["total_nj_once"][0]["high"] < found["cmos45-fp32"]["total_nj"][0]["low"]
    assert found["loihi1"]["unpriced"] == ["first"]
    assert found["cmos45-fp32"]["unpriced"] == []


def test_delayed_synapses_deliver_in_fewer_steps() -> None:
    early, late = (dense(InputKind.STATIC, delay=delay) for delay in (0, 3))
    told = [
        estimate(Model(each.network))["profiles"]["cmos45-fp32"]["terms_nj"]["synaptic_operations"][0]["low"]
        for each in (early, late)
    ]
    assert told[0] - told[1] == pytest.approx(3 * 24 * 4.6 / 1000, rel=1e-4)


def test_zero_weights_are_no_synapses() -> None:
    network = dense().network
    weights = {"first/0/weight": np.zeros((4, 6), np.float32), "second/0/weight": np.ones((2, 4), np.float32)}
    found = estimate(Model(network, weights))
    assert (found["synapses_structural"], found["synapses_nonzero"]) == (32, 8)
    assert found["connection_sparsity"] == 0.75


def test_relays_and_machine_time_are_in_the_estimate() -> None:
    logical = FIXED["bias_input"]
    machine = RETIME.run(logical).model
    steps = logical.network.timesteps
    assert steps is not None
    assert estimate(machine)["steps"] == steps + latency(machine.network) > steps
    logical, machine = FIXED["everything"], RETIME.run(FIXED["everything"]).model
    assert estimate(machine)["neurons"] > estimate(logical)["neurons"]


@pytest.mark.parametrize("target", ["nir", "pytorch", "lava"])
def test_the_report_of_every_target_has_one(target: str) -> None:
    artefact = compile_model(lambda: NETWORKS["chain"], find_target(target), {})
    found = artefact.report["energy"]
    assert found["meaning"].startswith("an estimate without data: ")
    assert found["neurons"] >= 293
    assert len(found["profiles"]["cmos45-int8"]["total_nj"]) == 4
    if target == "lava":
        assert found["steps"] == artefact.report["timing"]["machine_steps"] > 4
