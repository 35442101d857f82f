"""Logical and machine time: the input of a retimed network, and its output cut back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msc.compiler.passes.retime import PASS
from msc.compiler.timing import is_retimed, latency, logical, machine_input, relay_of, start_of
from msc.ir.network import Network, Projection
from msc.ir.neurons import FixedLIF
from msc.ir.simulate import InputError
from tests.fixed_networks import FIXED, STEPS, STRUCTURES, sample
from tests.networks import EVENTS, conv, edge, net

MACHINES = {name: PASS.run(model).model.network for name, model in FIXED.items()}


def test_relays_are_told_by_their_names():
    assert relay_of("layer1.A.relay12") == "layer1.A"
    assert relay_of("A.relay2.relay1") == "A.relay2"
    for name in ("A", "A.relay", "A.relay0", "A.relay01", "relay1", ".relay1", "A.relay1x", "Arelay1"):
        assert relay_of(name) is None


def test_latency_is_the_last_start():
    assert {name: latency(machine) for name, machine in MACHINES.items()} == {
        "chain": 3,
        "everything": 4,
        "vectors": 3,
        "delays": 5,
        "bias_input": 3,
        "deep": 17,
    }
    assert all(latency(network) == 0 for network in STRUCTURES.values())


def test_a_static_frame_stays_on_for_the_latency():
    x = sample(STRUCTURES["chain"])
    shown, steps = machine_input(MACHINES["chain"], x)
    assert shown is x
    assert steps == MACHINES["chain"].timesteps == STEPS + 3
    assert machine_input(MACHINES["chain"], x, 5)[1] == 8


def test_events_are_followed_by_silence():
    x = sample(STRUCTURES["deep"])
    shown, steps = machine_input(MACHINES["deep"], x)
    assert steps == len(shown) == STEPS + 17
    assert shown.dtype == x.dtype
    assert np.array_equal(shown[:STEPS], x)
    assert not shown[STEPS:].any()


def test_inputs_that_do_not_fit_are_refused():
    events, pixels = sample(STRUCTURES["deep"]), sample(STRUCTURES["chain"])
    with pytest.raises(InputError, match=f"input: has {STEPS} steps, not 3"):
        machine_input(MACHINES["deep"], events, 3)
    with pytest.raises(InputError, match="does not fit the static source"):
        machine_input(MACHINES["chain"], events)
    with pytest.raises(InputError, match="a static frame needs a number of time steps"):
        machine_input(replace(MACHINES["chain"], timesteps=None), pixels)


def test_logical_steps_are_cut_from_each_start_and_relays_dropped():
    machine = MACHINES["vectors"]
    starts = {p.name: start_of(p) for p in machine.populations}
    values = {name: np.arange(9)[:, None] for name in ("a", "a.relay1", "out")}
    cut = logical(machine, values, 4)
    assert {name: part.ravel().tolist() for name, part in cut.items()} == {
        name: list(range(starts[name], starts[name] + 4)) for name in ("a", "out")
    }
    assert starts["out"] > starts["a"] > 0
    with pytest.raises(AssertionError, match="the run ends before logical step 9"):
        logical(machine, values, 9)


@pytest.mark.parametrize("name", FIXED)
def test_machine_time_is_recognised(name):
    assert is_retimed(MACHINES[name])
    assert not is_retimed(STRUCTURES[name])


def _with(network: Network, name: str, **changed: object) -> Network:
    """Change the neuron (start, decays) or the flags of one population."""
    kept = [p if p.name != name else replace(p, **changed) for p in network.populations]
    return replace(network, populations=tuple(kept))


def test_what_is_not_in_machine_time_is_told_apart():
    machine = MACHINES["vectors"]
    assert not is_retimed(_with(machine, "out", neuron=FixedLIF(start=9)))
    assert not is_retimed(_with(machine, "a.relay1", bias=True))
    assert not is_retimed(_with(machine, "a.relay1", neuron=FixedLIF(4095, 4095, 1)))
    assert not is_retimed(_with(machine, "a.relay1", neuron=FixedLIF(4095, 4000, 2)))

    def rewired(name: str, **changed: object) -> Network:
        return machine.with_projections(
            tuple(replace(p, **changed) if p.name == name else p for p in machine.projections)
        )

    assert not is_retimed(rewired("a>b", delay=2))
    assert not is_retimed(rewired("input>a", delay=0))
    assert not is_retimed(rewired("a>a.relay1", source="b"))
    fed_twice = Projection("b>a.relay1", "b", "a.relay1", delay=1)
    assert not is_retimed(machine.with_projections((*machine.projections, fed_twice)))


def test_a_network_whose_steps_are_machine_steps_is_in_machine_time():
    network = net(
        EVENTS,
        {"a": FixedLIF(), "out": FixedLIF()},
        edge("input", "a", conv(2), delay=1),
        edge("a", "out", conv(2), delay=1),
        edge("out", "a", conv(2), delay=1),
    )
    assert is_retimed(network)
    assert not is_retimed(network.with_projections((edge("input", "a", conv(2)), *network.projections[1:])))
