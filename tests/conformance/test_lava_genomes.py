"""Forty random genomes: emulator, recorded runs of real Lava, real Lava itself, one-step reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.emulator import emulate
from msc.backends.lava.runner import run_on_lava
from msc.compiler.contracts import Property
from msc.compiler.timing import latency, logical, machine_input, relay_of
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.simulate import simulate
from tests.conformance.lava_genomes import CASES, RERUN, STEPS, case, told
from tests.requires import require_lava

TRACES: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "golden" / "lava_traces.json").read_text()
)["cases"]


@pytest.mark.parametrize("number", CASES)
def test_the_emulator_repeats_what_real_lava_did(number: int) -> None:
    """Every spike of every population, relays too, and the final voltages, by their recorded hashes."""
    chosen = case(number)
    machine = chosen.until(Property.RETIMED)
    recorded = TRACES[str(number)]
    assert network_hash(machine.network).startswith(recorded["network"])
    assert weights_hash(machine.weights).startswith(recorded["weights"])
    inputs, steps = machine_input(machine.network, chosen.inputs, chosen.steps)
    found = emulate(machine, inputs, steps, voltages=True)
    assert told(found.spikes, found.voltages) == recorded["populations"]


@pytest.mark.parametrize("number", RERUN)
def test_real_lava_does_it_again(number: int) -> None:
    require_lava()
    chosen = case(number)
    machine = chosen.until(Property.RETIMED)
    values = run_on_lava(bundle_files(machine), chosen.inputs, chosen.steps, machine=True)
    names = [p.name for p in machine.network.populations if not p.is_source]
    spikes = {name: values[name] for name in names}
    assert (
        told(spikes, {name: values[f"{name}/voltage"] for name in names})
        == TRACES[str(number)]["populations"]
    )


@pytest.mark.parametrize("number", CASES)
def test_the_pipelined_network_is_the_one_step_reference(number: int) -> None:
    """Zero differences, logical step for logical step, in every population."""
    chosen = case(number)
    quantised, machine = chosen.until(Property.FIXED_POINT), chosen.until(Property.RETIMED)
    reference = simulate(quantised, chosen.inputs, chosen.steps)
    inputs, steps = machine_input(machine.network, chosen.inputs, chosen.steps)
    shifted = logical(machine.network, emulate(machine, inputs, steps).spikes, STEPS)
    assert set(shifted) == set(reference.spikes)
    for name, spikes in reference.spikes.items():
        assert np.array_equal(spikes, shifted[name]), name
    assert 0.01 < reference.outputs.mean() < 0.95


def test_the_sample_holds_what_makes_it_hard() -> None:
    """Every motif, cycles, skips through relays, reductions, depths whose biases start late, all inputs."""
    machines = [case(number).until(Property.RETIMED).network for number in CASES]
    parts = {p.name.rpartition(".")[2] for network in machines for p in network.populations}
    assert parts >= {"stem", "head", "A", "B", "I", "C", "A1", "A2", "B1", "B2", "I1", "I2"}
    assert sum(any(relay_of(p.name) for p in network.populations) for network in machines) >= 10
    floats = [case(number).model.network for number in CASES]
    assert sum(any(p.delay for p in network.projections) for network in floats) >= 20
    strides = {
        op.stride for network in floats for p in network.projections for op in p.ops if hasattr(op, "stride")
    }
    assert (2, 2) in strides
    assert max(latency(network) for network in machines) >= 10
    assert {case(number).options.get("input") for number in CASES} == {"graded", "bias", None}
