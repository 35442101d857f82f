"""Target lava emits what it says, tells in the report how it runs, and refuses what cannot run so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.backends.lava.bundle import read_bundle
from msc.backends.lava.netx import FILE_NAME
from msc.backends.lava.target import TARGET
from msc.compiler.contracts import CompileError
from msc.compiler.driver import check_options, compile_model, find_target, plan
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import latency
from msc.ir.network import Model
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from tests.backends.lava.bundles import machine_model
from tests.fixed_networks import FIXED, LEAKY, fixed
from tests.networks import NETWORKS, edge, net

FORGETFUL = FixedLIF(4095, 4095)
FILES = {"network.json", "weights.npz", "run_lava.py", "SHA256SUMS", "cores.svg"}


def options(**given: str) -> Mapping[str, Any]:
    return check_options(TARGET, given)


def test_the_target_is_found_by_its_name() -> None:
    assert find_target("lava") is TARGET


def test_passes_come_in_an_order_that_keeps_what_they_promise() -> None:
    names = [step.name for step in plan(TARGET)]
    assert names[-3:] == ["single_kernels", "quantise", "retime"]


def test_options_have_defaults_and_arrays_stay_away() -> None:
    assert options() == {
        "input": "graded",
        "thresholds": "channel",
        "biases": "fine",
        "profile": "loihi2",
    }
    with pytest.raises(
        CompileError, match="option profile: unknown value 'loihi3'; use one of: loihi2, loihi1"
    ):
        options(profile="loihi3")


@pytest.mark.parametrize("name", FIXED)
def test_nothing_is_refused_of_networks_that_run(name: str) -> None:
    machine = machine_model(name)
    assert TARGET.refusals(machine, options()) == ()
    files = TARGET.emit(machine, options()).files
    assert set(files) == FILES
    assert files["cores.svg"].startswith(b"<svg")


def test_a_float_network_is_refused() -> None:
    (problem,) = TARGET.refusals(NETWORKS["chain"], options())
    assert str(problem) == "network: is in floating point, Lava counts in integers; quantise it"


def test_graded_spikes_are_refused_on_loihi_1() -> None:
    (problem,) = TARGET.refusals(machine_model("chain"), options(profile="loihi1"))
    assert problem.where == "projection input>a"
    assert "graded spikes" in problem.what
    assert "--option input=bias" in problem.fix
    assert TARGET.refusals(machine_model("bias_input"), options(profile="loihi1")) == ()


def test_a_population_that_fits_no_core_is_refused_by_how_much() -> None:
    network = net(Source((20_000,), InputKind.EVENTS), {"out": LEAKY}, edge("input", "out", Linear(2)))
    full = {"input>out/0/weight": np.full((2, 20_000), 2, np.float32)}
    machine = RETIME.run(Model(network, {**fixed(network, 1).weights, **full})).model
    (problem, *_) = TARGET.refusals(machine, options(profile="loihi1"))
    assert problem.where == "population out"
    assert "a core of loihi1 has" in problem.what


def test_a_bias_that_nothing_holds_back_is_refused() -> None:
    network = net(Source((3,), InputKind.EVENTS), {"out": FORGETFUL}, edge("input", "out", Linear(2)))
    strong = {"out/bias": np.full(2, 4095 << 7, np.float32)}
    machine = RETIME.run(Model(network, {**fixed(network, 1).weights, **strong})).model
    (problem,) = TARGET.refusals(machine, options())
    assert problem.where == "population out"
    assert "fires them before machine step 1, where they start" in problem.what


def test_the_report_says_when_populations_start_and_what_relays_cost() -> None:
    machine = machine_model("everything")
    facts = TARGET.emit(machine, options()).facts
    json.dumps(facts)
    timing = facts["timing"]
    assert timing["latency"] == latency(machine.network)
    assert timing["machine_steps"] is None
    assert timing["populations"]["a"] == {"start": 1, "relays": 2, "relay_neurons": 2 * 4 * 6 * 6}
    assert set(timing["populations"]) == {"a", "e", "i", "c", "out"}
    assert facts["input"]["projections"] == {"input>a": {"sent_as": "spikes"}}
    assert facts["warm_up"]["c"]["initial_voltage"] < 0
    assert facts["placement"]["profile"]["name"] == "loihi2"
    assert facts["placement"]["fits"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chain", {"sent_as": "graded spikes", "scale": 127.0, "limit": 127}),
        ("bias_input", {"sent_as": "bias", "scale": 1023.0, "limit": 1023, "largest_current": 2500 * 4}),
    ],
)
def test_the_report_says_what_becomes_of_analog_values(name: str, expected: Mapping[str, Any]) -> None:
    found = TARGET.emit(machine_model(name), options()).facts["input"]
    assert (found["kind"], found["shape"]) == ("static", [2, 6, 6])
    assert found["projections"]["input>a"] == expected


def test_another_profile_is_another_placement() -> None:
    machine = machine_model("bias_input")
    for name in ("loihi2", "loihi1", "loihi2"):
        assert TARGET.emit(machine, options(profile=name)).facts["placement"]["profile"]["name"] == name
    other = TARGET.emit(machine_model("vectors"), options()).facts["placement"]
    assert other["neurons"] == 10 + 10 + 8 + 5


def test_a_chain_brings_a_net_file_and_others_the_reason() -> None:
    network = net(
        Source((3, 2, 2), InputKind.EVENTS), {"out": LEAKY}, edge("input", "out", Flatten(), Linear(4))
    )
    machine = RETIME.run(fixed(network, 1)).model
    even = Model(machine.network, {**machine.weights, "out/bias": np.zeros(4, np.float32)})
    assert set(TARGET.emit(even, options()).files) == FILES | {FILE_NAME}
    told = TARGET.emit(even, options()).facts["netx"]
    assert told == {"file": FILE_NAME, "reset_interval": 2**30, "reset_offset": 1}
    told = TARGET.emit(machine_model("everything"), options()).facts["netx"]
    assert told["file"] is None
    assert told["why"] == ["netx reads chains of layers, and this network branches, joins or recurs."]


def test_a_float_network_is_compiled_to_a_bundle_that_can_be_read(tmp_path: Path) -> None:
    artefact = compile_model(lambda: NETWORKS["inhibition"], TARGET, {"thresholds": "population"})
    for name, data in artefact.files.items():
        (tmp_path / name).write_bytes(data)
    machine = read_bundle(tmp_path)
    assert artefact.report["timing"]["latency"] == latency(machine.network)
    assert artefact.report["sizes"]["files"]["run_lava.py"] > 0
    assert (
        compile_model(lambda: NETWORKS["inhibition"], TARGET, {"thresholds": "population"}).files
        == artefact.files
    )
