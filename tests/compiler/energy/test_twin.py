"""The dense twin: its arithmetic and memory by hand, and the sign that flips with the memory model."""

from __future__ import annotations

import pytest

from msc.compiler.energy.comparing import verdict
from msc.compiler.energy.prices import Range, means
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import load_energy_profile
from msc.compiler.energy.report import Twin
from msc.compiler.energy.runs import StaticInput
from msc.compiler.energy.twin import Spiking, spiking, twins
from msc.compiler.passes.retime import PASS as RETIME
from msc.ir.activity import Activity
from msc.ir.synapses import Wiring, wire
from tests.compiler.energy.runs import EVERY_STEP, ONCE, a7, a7_ran, dense, ran
from tests.fixed_networks import FIXED
from tests.networks import NETWORKS


def twins_of(wiring: Wiring, activity: Activity, how: StaticInput = EVERY_STEP) -> dict[str, Twin]:
    def spent(name: str) -> Spiking:
        profile = load_energy_profile(name)
        terms = price(wiring, activity.steps, profile, how, activity.columns)
        return spiking(profile, terms, means(activity))

    return {twin.name: twin for twin in twins(wiring, activity.steps, spent)}


def small(steps: int = 4):
    wiring = dense()
    spikes = {"input": [3], "h": [2], "out": [1]}
    return wiring, ran(wiring, steps, {"first": [12], "second": [4]}, spikes)


def test_one_mac_per_synapse() -> None:
    found = twins_of(*small())
    assert list(found) == ["fp32", "int8", "3-bit"]
    assert {twin.macs for twin in found.values()} == {32}
    assert found["fp32"].operations.low == pytest.approx(32 * 4.6e-3)
    assert found["int8"].operations == Range(pytest.approx(32 * 0.23e-3), pytest.approx(32 * 0.23e-3))
    assert [twin.activation_bits for twin in found.values()] == [32, 8, 3]
    assert [twin.profile for twin in found.values()] == ["cmos45-fp32", "cmos45-int8", "cmos45-int8"]


def test_few_bits_take_shifted_additions_or_a_mac() -> None:
    found = twins_of(*small())["3-bit"].operations
    assert (found.low, found.high) == (pytest.approx(32 * 3 * 0.03e-3), pytest.approx(32 * 0.23e-3))


@pytest.mark.parametrize(
    ("steps", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (255, 8), (256, 9)]
)
def test_as_many_levels_as_steps_can_count(steps: int, bits: int) -> None:
    """ceil(log2(T + 1)): T steps tell 0 to T spikes apart."""
    *_, fair = twins_of(*small(steps)).values()
    assert (fair.name, fair.activation_bits) == (f"{bits}-bit", bits)


def test_activations_wider_than_a_word_take_two_macs() -> None:
    *_, fair = twins_of(*small(300)).values()
    assert fair.operations.high == pytest.approx(32 * 2 * 0.23e-3)
    assert fair.operations.low == pytest.approx(32 * 9 * 0.03e-3)


def test_memory_from_each_operand_once_to_no_reuse() -> None:
    """32 weights and 12 activations of a byte, all in 8 KiB: 10 pJ per 64 bits, 1.25 pJ per byte."""
    found = twins_of(*small())["int8"].memory
    assert found.low == pytest.approx((32 + 2 * 12) * 1.25e-3)
    assert found.high == pytest.approx((32 + 32 + 6) * 1.25e-3)


def test_narrow_activations_move_fewer_bits() -> None:
    found = twins_of(*small())["3-bit"].memory
    assert found.low == pytest.approx((32 + 2 * 12 * 3 / 8) * 1.25e-3)


def test_the_network_of_the_facts() -> None:
    """Facts A7, in nJ: dense 677 fp32 and 33.8 int8; spiking 329.9 and 15.3; memory from 31.6 to 367.8.

    There one kernel lay in smaller memory than it fits in, and output neurons were not updated.
    """
    wiring = a7()
    found = twins_of(wiring, a7_ran(wiring))
    fp32, int8 = found["fp32"], found["int8"]
    assert fp32.macs == 147132
    assert fp32.operations.low == pytest.approx(677, rel=1e-3)
    assert int8.operations.low == pytest.approx(33.84, rel=1e-3)
    # Neurons have biases: 1 MAC and 2 additions.
    assert fp32.spiking_operations.low == pytest.approx(329.9, rel=2e-3)
    assert int8.spiking_operations.low == pytest.approx(15.3, rel=5e-3)
    assert 0.6 * 31.6 < int8.memory.low < 1.5 * 31.6
    assert int8.memory.high == pytest.approx(367.8 + 11760 * 1.25e-3 + 3538 * 1.25e-3, rel=1e-3)


def test_the_sign_flips_with_the_memory_model() -> None:
    wiring = a7()
    found = twins_of(wiring, a7_ran(wiring))["int8"]
    assert found.spiking_operations.high < found.operations.low
    assert found.spiking_memory.low > found.memory.high
    assert verdict(found) == (
        "By arithmetic alone the spiking one needs 2.2 times less (15.3 nJ against 33.8 nJ). "
        "With memory, if the dense network reads each operand once, the dense one needs "
        "6.4 to 9.1 times less (493 to 701 nJ against 77.4 nJ). "
        "With memory, if it reads both operands for every MAC, the dense one needs 1.2 to 1.7 times less "
        "(493 to 701 nJ against 421 nJ). "
        "The sign flips once memory is counted: which is cheaper depends on the memory model."
    )


def test_relays_are_no_part_of_a_dense_network() -> None:
    """A placed network repeats spikes in relays; the dense one of its topology has none, and fewer steps."""
    logical = FIXED["everything"]
    machine = RETIME.run(logical).model
    wirings = [wire(logical), wire(machine)]
    assert len(wirings[1].network.populations) > len(wirings[0].network.populations)
    late = max(p.neuron.start for p in machine.network.populations if not p.is_source)
    found = []
    for wiring, steps in zip(wirings, (12, 12 + late), strict=True):
        events = {p.name: [0] for p in wiring.network.projections}
        activity = ran(wiring, steps, events, {p.name: [0] for p in wiring.network.populations})
        found.append(twins_of(wiring, activity))
    for name in ("fp32", "int8", "4-bit"):
        assert found[0][name].macs == found[1][name].macs
        assert found[0][name].memory == found[1][name].memory


@pytest.mark.parametrize("name", NETWORKS)
def test_twins_of_every_network_are_ranges(name: str) -> None:
    wiring = wire(NETWORKS[name])
    events = {p.name: [3, 5] for p in wiring.network.projections}
    activity = ran(wiring, 4, events, {p.name: [2, 1] for p in wiring.network.populations})
    for how in (EVERY_STEP, ONCE):
        for twin in twins_of(wiring, activity, how).values():
            for found in (twin.operations, twin.memory, twin.spiking_operations, twin.spiking_memory):
                assert 0 < found.low <= found.high
