"""Messages between cores, and power at rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.compiler.energy.prices import CHIP, MESSAGES, STATIC, Range, Standing
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import load_energy_profile
from msc.compiler.energy.runs import StaticInput
from msc.ir.activity import Quantity
from tests.compiler.energy.profile_files import MESH, device
from tests.compiler.energy.runs import conflicting, cost, dense, ran, term_of

HOPS = {"synaptic_operation": 1.0, "message_within_tile": 1.5, "hop_east_west": 3.0, "hop_north_south": 4.0}
EVENTS, SPIKES = {"first": [12], "second": [4]}, {"input": [3], "h": [2], "out": [1]}
PLACED = {
    (Quantity.MESSAGES, "h"): [9],
    (Quantity.WITHIN_TILE, "h"): [2],
    (Quantity.EAST_WEST, "h"): [5],
    (Quantity.NORTH_SOUTH, "h"): [7],
    (Quantity.BETWEEN_CHIPS, "h"): [1],
}


def counted(more=None):
    return ran(dense(), 4, EVENTS, SPIKES, more=more)


def test_messages_are_priced_by_their_hops() -> None:
    activity = counted(PLACED)
    found = term_of(MESSAGES, dense(), device({**HOPS, **MESH}), activity)
    assert cost(found, activity) == (2 * 1.5 + 5 * 3 + 7 * 4,) * 2
    assert found.note == "1.5 pJ per message within tile; 3 pJ per hop east west; 4 pJ per hop north south"
    assert found.unpriced == ((Quantity.BETWEEN_CHIPS, "h"),)
    assert found.unpriced_note == "messages between chips"


def test_every_message_may_have_a_price() -> None:
    activity = counted(PLACED)
    found = term_of(MESSAGES, dense(), device({"synaptic_operation": 1.0, "message": 76.8, **MESH}), activity)
    assert cost(found, activity)[0] == pytest.approx(9 * 76.8)


def test_messages_are_added_up_in_the_order_they_are_counted_in() -> None:
    """They were taken from a set: the last digit of their energy differed from one process to the next."""
    sent = [(Quantity.MESSAGES, f"p{number}") for number in range(40)]
    columns = [*counted().columns, *sent]
    profile = device({"synaptic_operation": 1.0, "message": 76.8, **MESH})
    (found,) = (t for t in price(dense(), 4, profile, StaticInput.ONCE, columns) if t.name == MESSAGES)
    assert found.price is not None
    assert [charge.column for charge in found.price.charges] == sent


def test_a_network_that_is_not_placed_has_no_messages() -> None:
    found = term_of(MESSAGES, dense(), load_energy_profile("loihi1"), counted())
    assert (found.standing, found.price) == (Standing.MISSING, None)
    assert found.note == "the network is not placed on the cores of this chip: --stage placed"


def test_a_device_without_a_network_says_so() -> None:
    for more in (None, PLACED):
        found = term_of(MESSAGES, dense(), load_energy_profile("cmos45-int8"), counted(more))
        assert found.note == "the profile has no energies of messages between cores"
    held = replace(device({"synaptic_operation": 2.5}), included={MESSAGES: "operations hold them"})
    assert term_of(MESSAGES, dense(), held, counted()).standing is Standing.INCLUDED


def test_power_at_rest_is_spent_in_every_step() -> None:
    """2 mW for 4 steps of 50 us: 0.4 uJ."""
    profile = device({"synaptic_operation": 1.0, "static_power": 2.0, "step_time": 50.0})
    activity = counted()
    found = term_of(STATIC, dense(), profile, activity)
    assert cost(found, activity) == (400_000.0, 400_000.0)
    assert found.note == "2 mW x 50 us x 4 steps"
    assert found.price is not None
    assert found.price.by_part({}) == {CHIP: Range(400_000.0, 400_000.0)}
    ranged = conflicting(profile, static_power=(1.0, 3.0))
    assert cost(term_of(STATIC, dense(), ranged, activity), activity) == (200_000.0, 600_000.0)


def test_power_that_nobody_published_is_missing_not_zero() -> None:
    found = term_of(STATIC, dense(), load_energy_profile("loihi1"), counted())
    assert (found.standing, found.price) == (Standing.MISSING, None)
    assert found.note == "not modelled: the profile has no static_power and no step_time"
