"""Synaptic events: accumulations and multiplications, static frames, figures that are missing or differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.compiler.energy.prices import SYNAPTIC, Standing
from msc.ir.activity import Quantity
from msc.ir.network import Model
from msc.ir.neurons import LI, InputKind
from msc.ir.synapses import wire
from tests.compiler.energy.profile_files import device
from tests.compiler.energy.runs import EVERY_STEP, ONCE, a7, a7_ran, conflicting, cost, dense, ran, term_of
from tests.fixed_networks import FIXED

CMOS = device({"accumulate": 0.9, "multiply_accumulate": 4.6})
CHIP = device({"synaptic_operation": 20.0})
SPIKES = {"input": [3], "h": [2], "out": [1]}


def counted(wiring, first=12, second=4, steps=4):
    return ran(wiring, steps, {"first": [first], "second": [second]}, SPIKES)


def test_spikes_accumulate_and_values_multiply() -> None:
    events, analog = dense(InputKind.EVENTS), dense(InputKind.ANALOG)
    activity = counted(events)
    assert cost(term_of(SYNAPTIC, events, CMOS, activity), activity) == pytest.approx((16 * 0.9,) * 2)
    found = term_of(SYNAPTIC, analog, CMOS, activity)
    assert cost(found, activity) == pytest.approx((12 * 4.6 + 4 * 0.9,) * 2)
    assert found.note == "4.6 pJ per multiply accumulate; 0.9 pJ per accumulate"
    assert found.figures == ("multiply_accumulate", "accumulate")


def test_a_leaky_integrator_sends_values() -> None:
    wiring = dense(hidden=LI())
    activity = counted(wiring)
    assert cost(term_of(SYNAPTIC, wiring, CMOS, activity), activity)[0] == pytest.approx(12 * 0.9 + 4 * 4.6)


def test_the_current_of_a_static_frame_is_computed_at_every_step_or_once() -> None:
    wiring = dense(InputKind.STATIC)
    activity = counted(wiring, first=48)
    each = term_of(SYNAPTIC, wiring, CMOS, activity, EVERY_STEP)
    once = term_of(SYNAPTIC, wiring, CMOS, activity, ONCE)
    assert cost(each, activity)[0] == pytest.approx(48 * 4.6 + 4 * 0.9)
    assert cost(once, activity)[0] == pytest.approx(12 * 4.6 + 4 * 0.9)
    assert each.note.endswith("; the current of the static frame is computed at every step")
    assert once.note.endswith("; the current of the static frame is computed once")


def test_a_delayed_static_projection_delivers_its_frame_in_fewer_steps() -> None:
    wiring = dense(InputKind.STATIC, delay=1)
    activity = counted(wiring, first=36)
    assert cost(term_of(SYNAPTIC, wiring, CMOS, activity, ONCE), activity)[0] == pytest.approx(58.8)


def test_only_static_frames_are_computed_once() -> None:
    for kind in (InputKind.ANALOG, InputKind.EVENTS):
        wiring = dense(kind)
        activity = counted(wiring)
        each, once = (term_of(SYNAPTIC, wiring, CMOS, activity, how) for how in (EVERY_STEP, ONCE))
        assert each == once


def test_what_a_host_makes_of_a_frame_is_counted_once_already() -> None:
    wiring = wire(FIXED["bias_input"])
    network = wiring.network
    hosted = network.out_of(network.source.name)[0].name
    events = {p.name: [72 if p.name == hosted else 0] for p in network.projections}
    activity = ran(wiring, 12, events, {p.name: [0] for p in network.populations})
    for how in (EVERY_STEP, ONCE):
        found = term_of(SYNAPTIC, wiring, CMOS, activity, how)
        assert cost(found, activity)[0] == pytest.approx(72 * 4.6)
        assert "computed once" in found.note


def test_a_multiplication_and_an_addition_make_a_multiply_accumulate() -> None:
    wiring = dense(InputKind.ANALOG)
    activity = counted(wiring)
    profile = device({"accumulate": 0.9, "multiply": 3.7})
    found = term_of(SYNAPTIC, wiring, profile, activity)
    assert cost(found, activity)[0] == pytest.approx(12 * 4.6 + 4 * 0.9)
    assert found.figures == ("multiply", "accumulate")


def test_a_chip_does_not_price_values_and_says_so() -> None:
    wiring = dense(InputKind.ANALOG)
    activity = counted(wiring)
    found = term_of(SYNAPTIC, wiring, CHIP, activity)
    assert found.standing is Standing.KNOWN
    assert cost(found, activity) == (80.0, 80.0)
    assert found.unpriced == ((Quantity.EVENTS, "first"),)
    assert found.unpriced_note == ("MAC events, the profile has no multiply accumulate: a host computes them")


def test_nothing_priced_is_missing_and_never_zero() -> None:
    wiring = dense()
    activity = counted(wiring)
    found = term_of(SYNAPTIC, wiring, device({"neuron_update": 1.0}), activity)
    assert (found.standing, found.price) == (Standing.MISSING, None)
    assert found.note == "no event of this network has a price"
    assert len(found.unpriced) == 2


def test_a_term_can_be_part_of_another() -> None:
    wiring = dense()
    activity = counted(wiring)
    profile = replace(device({"neuron_update": 1.0}), included={SYNAPTIC: "updates hold them"})
    found = term_of(SYNAPTIC, wiring, profile, activity)
    assert (found.standing, found.note, found.price) == (Standing.INCLUDED, "updates hold them", None)


def test_sources_that_differ_give_a_range() -> None:
    wiring = dense()
    activity = counted(wiring)
    found = term_of(SYNAPTIC, wiring, conflicting(CHIP, synaptic_operation=(10.0, 30.0)), activity)
    assert cost(found, activity) == (160.0, 480.0)
    assert found.note == "10 to 30 pJ per synaptic operation"


def test_convolutions_may_have_a_figure_of_their_own() -> None:
    wiring = a7()
    profile = device({"synaptic_operation": 35.5, "synaptic_operation_convolution": 24.0})
    found = term_of(SYNAPTIC, wiring, profile, a7_ran(wiring))
    assert cost(found, a7_ran(wiring))[0] == pytest.approx(47044 * 24.0 + 6120 * 35.5)


def test_a_projection_named_as_a_population_stays_a_part_of_its_own() -> None:
    model = FIXED["vectors"]
    network = model.network
    first, *others = network.projections
    twice = replace(first, name="out")
    wiring = wire(Model(network.with_projections((twice, *others))))
    events = {p.name: [2] for p in wiring.network.projections}
    activity = ran(wiring, 4, events, {p.name: [0] for p in network.populations})
    found = term_of(SYNAPTIC, wiring, CMOS, activity)
    assert found.price is not None
    assert found.price.charges[0].part == "out (projection)"
