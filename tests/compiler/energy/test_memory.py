"""Memory: which buffer lies where, and what every access costs, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.compiler.energy.memory import Holds, address_bits, buffer, buffers
from msc.compiler.energy.prices import MEMORY, Range, Standing, means
from msc.compiler.energy.profile import load_energy_profile
from msc.compiler.figures import Status
from msc.ir.neurons import LI, CubaLIF, InputKind
from msc.ir.synapses import wire
from tests.compiler.energy.profile_files import device
from tests.compiler.energy.runs import EVERY_STEP, ONCE, a7, a7_ran, cost, dense, ran, term_of
from tests.networks import NETWORKS

BITS = {"accumulate": 1.0, "multiply_accumulate": 1.0, "weight_bits": 8, "state_bits": 16}
SMALL = device(BITS, [(64, 32, 2.0), (256, 32, 10.0)])  # a sixteenth of a picojoule per bit, five sixteenths
EVENTS = {"first": [12], "second": [4]}
SPIKES = {"input": [3], "h": [2], "out": [1]}


def counted(events=EVENTS, wiring=None):
    return ran(wiring or dense(), 4, events, SPIKES)


def test_every_access_of_a_small_network() -> None:
    """24 and 8 weights of a byte, 4 and 2 states of two; addresses of 3, 2 and 1 bits."""
    activity = counted()
    found = term_of(MEMORY, dense(), SMALL, activity)
    assert found.price is not None
    parts = found.price.by_part(means(activity))
    assert parts["first"] == Range(12 * (8 + 32) / 16, 12 * (8 + 32) / 16)
    assert parts["second"].low == 4 * (8 + 32) / 16
    assert parts["h"].low == 16 * 32 / 16 + 2 * 2 * 2 / 16
    assert parts["out"].low == 8 * 32 / 16 + 1 * 2 * 1 / 16
    assert parts["input"].low == 3 * 2 * 3 / 16
    assert cost(found, activity) == (89.75, 89.75)


def test_buffers_lie_in_the_smallest_memory_that_holds_them() -> None:
    tiny = device(BITS, [(8, 32, 2.0), (16, 32, 10.0)])
    found = {(each.part, each.holds): each for each in buffers(dense(), tiny)}
    assert {key: (each.bytes, each.label, each.banks) for key, each in found.items()} == {
        ("first", Holds.WEIGHTS): (24, "16 bytes", 2),
        ("second", Holds.WEIGHTS): (8, "8 bytes", 1),
        ("h", Holds.STATES): (8, "8 bytes", 1),
        ("out", Holds.STATES): (4, "8 bytes", 1),
        ("input", Holds.SPIKES): (3, "8 bytes", 1),
        ("h", Holds.SPIKES): (1, "8 bytes", 1),
        ("out", Holds.SPIKES): (1, "8 bytes", 1),
    }
    found = term_of(MEMORY, dense(), tiny, counted())
    assert found.note.endswith(
        "2 pJ per 32 bits in 8 bytes, 10 pJ per 32 bits in 16 bytes; "
        "1 buffer is larger, priced as banks of the largest"
    )
    assert found.price is not None
    assert found.price.by_memory(means(counted()))["16 bytes"] == Range(12 * 8 * 5 / 16, 12 * 8 * 5 / 16)


@pytest.mark.parametrize(
    ("size", "label", "banks"),
    [(8192, "8 KiB", 1), (8193, "32 KiB", 1), (32769, "1 MiB", 1), (1 << 21, "1 MiB", 2)],
)
def test_shipped_memories_by_size(size: int, label: str, banks: int) -> None:
    profile = load_energy_profile("cmos45-int8")
    found = buffer(profile, "p", Holds.WEIGHTS, 8 * size)
    assert (found.label, found.banks) == (label, banks)
    value = {"8 KiB": 10.0, "32 KiB": 20.0, "1 MiB": 100.0}[label]
    assert found.access(64) == Range(value, value)


@pytest.mark.parametrize(
    ("neurons", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1024, 10), (1025, 11)]
)
def test_an_address_tells_one_neuron_of_all(neurons: int, bits: int) -> None:
    assert address_bits(neurons) == bits


def test_what_values_deliver_may_be_summed_before_a_state_is_touched() -> None:
    wiring = dense(InputKind.ANALOG)
    found = term_of(MEMORY, wiring, SMALL, counted())
    assert found.price is not None
    parts = found.price.by_part(means(counted()))
    assert parts["first"] == Range(12 * 8 / 16, 12 * 40 / 16)
    assert parts["second"] == Range(10.0, 10.0)
    assert parts["input"].low == 3 * 2 * (3 + 8) / 16  # a value comes with its address
    assert "may be summed before a state is touched (low)" in found.note


def test_a_frame_that_is_computed_once_is_read_once_and_its_current_at_every_step() -> None:
    wiring = dense(InputKind.STATIC)
    activity = counted({"first": [48], "second": [4]}, wiring)
    each = term_of(MEMORY, wiring, SMALL, activity, EVERY_STEP)
    once = term_of(MEMORY, wiring, SMALL, activity, ONCE)
    assert each.price is not None
    assert once.price is not None
    before, after = (price.by_part(means(activity)) for price in (each.price, once.price))
    assert after["first"].high == before["first"].high / 4 == 30.0
    assert after["input"].high == before["input"].high / 4
    assert after["h"].high - before["h"].high == 16 * 16 / 16
    assert "a current that is computed once is read at every step" in once.note


def test_two_words_of_state_are_moved_at_every_step_and_one_by_an_event() -> None:
    wiring = dense(hidden=CubaLIF())
    found = term_of(MEMORY, wiring, SMALL, counted())
    assert found.price is not None
    parts = found.price.by_part(means(counted()))
    assert parts["h"].low == 16 * 64 / 16 + 0.5
    assert parts["first"].low == 30.0


def test_a_leaky_integrator_writes_values() -> None:
    wiring = dense(last=LI())
    found = term_of(MEMORY, wiring, SMALL, counted())
    assert found.price is not None
    assert found.price.by_part(means(counted()))["out"].low == 8 * 32 / 16 + 1 * 2 * (1 + 8) / 16


def test_a_synapse_without_weights_reads_none() -> None:
    wiring = wire(NETWORKS["parallel"])
    identity = next(p.name for p in wiring.network.projections if not p.ops)
    events = {p.name: [16 if p.name == identity else 0] for p in wiring.network.projections}
    activity = ran(wiring, 4, events, {p.name: [0] for p in wiring.network.populations})
    found = term_of(MEMORY, wiring, load_energy_profile("cmos45-int8"), activity)
    assert found.price is not None
    assert found.price.by_part(means(activity))[identity].low == pytest.approx(16 * 32 / 64 * 10)


def test_memories_of_a_range_give_a_range() -> None:
    doubtful = replace(SMALL.memories[0].energy, low=1.0, high=4.0, status=Status.CONFLICTING)
    profile = replace(SMALL, memories=(replace(SMALL.memories[0], energy=doubtful), SMALL.memories[1]))
    assert cost(term_of(MEMORY, dense(), profile, counted()), counted()) == (89.75 / 2, 89.75 * 2)
    assert "1 to 4 pJ per 32 bits in 64 bytes" in term_of(MEMORY, dense(), profile, counted()).note


def test_a_device_without_memories_is_missing_them_or_holds_them() -> None:
    chip = device({"synaptic_operation": 20.0})
    found = term_of(MEMORY, dense(), chip, counted())
    assert (found.standing, found.price) == (Standing.MISSING, None)
    assert found.note == "the profile has no energies of memory accesses"
    loihi = term_of(MEMORY, dense(), load_energy_profile("loihi1"), counted())
    assert loihi.standing is Standing.INCLUDED
    assert "part of a synaptic operation" in loihi.note


def test_the_network_of_the_facts() -> None:
    """460 nJ there (all in 8 KB, no state touched by the first layer's events): between our two models."""
    wiring = a7()
    activity = a7_ran(wiring)
    low, high = cost(term_of(MEMORY, wiring, load_energy_profile("cmos45-int8"), activity), activity)
    assert 0.95 * 459.9e3 < low < 1.05 * 459.9e3
    assert 1.4 * 459.9e3 < high < 1.6 * 459.9e3
