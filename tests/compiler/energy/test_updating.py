"""The energy of neuron updates: by arithmetic, by a chip's figures, active or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.compiler.energy.prices import UPDATES, Standing
from msc.ir.neurons import IF, LI, CubaLIF, InputKind
from tests.compiler.energy.profile_files import device
from tests.compiler.energy.runs import EVERY_STEP, ONCE, conflicting, cost, dense, ran, term_of

CMOS = device({"accumulate": 0.9, "multiply_accumulate": 4.6})
LOIHI = device({"neuron_update_inactive": 52.0, "neuron_update_active": 81.0})
EVENTS = {"first": [12], "second": [4]}
SPIKES = {"input": [3], "h": [2], "out": [1]}
SEEN = {"h": [10], "out": [5]}


def counted(wiring, updates=None, spikes=SPIKES):
    return ran(wiring, 4, EVENTS, spikes, updates)


def test_every_neuron_is_updated_at_every_step() -> None:
    wiring = dense(bias=True)
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, CMOS, activity)
    assert cost(found, activity) == pytest.approx((24 * (4.6 + 1.8),) * 2)
    assert found.note == (
        "every neuron at every step: LIF 1 MAC and 2 adds; "
        "4.6 pJ per multiply accumulate; 0.9 pJ per accumulate"
    )


def test_kinds_are_priced_by_their_arithmetic() -> None:
    wiring = dense(hidden=IF(), last=CubaLIF())
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, CMOS, activity)
    assert found.price is not None
    parts = found.price.by_part({})
    assert parts["h"].low == pytest.approx(16 * 2 * 0.9)
    assert parts["out"].low == pytest.approx(8 * (2 * 4.6 + 0.9))


def test_additions_are_enough_for_neurons_without_leak() -> None:
    wiring = dense(hidden=IF(), last=IF())
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, device({"accumulate": 0.9}), activity)
    assert cost(found, activity)[0] == pytest.approx(24 * 1.8)
    lacking = term_of(UPDATES, dense(), device({"accumulate": 0.9}), activity)
    assert lacking.standing is Standing.MISSING
    assert lacking.note == "the profile has no neuron_update, and no multiply_accumulate"


def test_a_current_that_is_computed_once_is_added_like_a_bias() -> None:
    wiring = dense(InputKind.STATIC)
    activity = counted(wiring)
    each, once = (
        cost(term_of(UPDATES, wiring, CMOS, activity, how), activity)[0] for how in (EVERY_STEP, ONCE)
    )
    assert once - each == pytest.approx(16 * 0.9)  # of the four neurons it is held for
    biased = dense(InputKind.STATIC, bias=True)
    each, once = (
        cost(term_of(UPDATES, biased, CMOS, activity, how), activity)[0] for how in (EVERY_STEP, ONCE)
    )
    assert once == each  # both are one constant


def test_a_chip_has_a_figure_for_an_update() -> None:
    wiring = dense()
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, device({"neuron_update": 26.0}), activity)
    assert cost(found, activity) == (24 * 26.0, 24 * 26.0)
    assert found.note == "26 pJ per neuron update; every neuron at every step"


def test_active_neurons_are_those_that_spike_to_those_that_change() -> None:
    wiring = dense()
    activity = counted(wiring, SEEN)
    found = term_of(UPDATES, wiring, LOIHI, activity)
    assert cost(found, activity) == (24 * 52 + 3 * 29, 24 * 52 + 15 * 29)
    assert found.note == (
        "52 pJ per neuron update inactive; 81 pJ per neuron update active; every neuron at every step; "
        "active: neurons that spike (low) to neurons whose membrane changes (high)"
    )


def test_all_neurons_may_be_active_where_membranes_were_not_seen() -> None:
    wiring = dense()
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, LOIHI, activity)
    assert cost(found, activity) == (24 * 52 + 3 * 29, 24 * 81)
    assert found.note.endswith("neurons at all, membranes were not seen (high)")


def test_neurons_that_fire_at_every_step_are_active_though_nothing_changes() -> None:
    wiring = dense()
    activity = counted(wiring, {"h": [4], "out": [2]}, {"input": [3], "h": [16], "out": [8]})
    assert cost(term_of(UPDATES, wiring, LOIHI, activity), activity) == (24 * 81, 24 * 81)


def test_a_leaky_integrator_does_not_spike() -> None:
    wiring = dense(last=LI())
    activity = counted(wiring, SEEN)
    spiking = device({"neuron_update_inactive": 52.0, "neuron_update_active": 81.0, "spike": 7.0})
    found = term_of(UPDATES, wiring, spiking, activity)
    assert cost(found, activity) == (24 * 52 + 2 * 29 + 2 * 7, 24 * 52 + 15 * 29 + 2 * 7)
    assert found.figures == ("neuron_update_inactive", "neuron_update_active", "spike")


def test_sources_that_differ_widen_both_ends() -> None:
    wiring = dense()
    activity = counted(wiring, SEEN)
    profile = conflicting(LOIHI, neuron_update_inactive=(50.0, 60.0), neuron_update_active=(70.0, 90.0))
    found = cost(term_of(UPDATES, wiring, profile, activity), activity)
    assert found == (24 * 50 + 3 * 20, 24 * 60 + 15 * 30)


def test_what_nobody_published_is_missing() -> None:
    wiring = dense()
    activity = counted(wiring)
    found = term_of(UPDATES, wiring, device({"synaptic_operation": 2.5}), activity)
    assert (found.standing, found.price) == (Standing.MISSING, None)
    assert found.note == "the profile has no neuron_update, and no multiply_accumulate and no accumulate"
    held = replace(device({"synaptic_operation": 2.5}), included={UPDATES: "operations hold them"})
    assert term_of(UPDATES, wiring, held, activity).standing is Standing.INCLUDED
