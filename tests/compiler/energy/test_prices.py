"""Prices are linear: mean, interval and parts come from the same charges."""

from __future__ import annotations

import numpy as np
import pytest

from msc.compiler.energy.prices import Charge, Price, Range, billed, means
from msc.ir.activity import Quantity
from tests.compiler.energy.runs import dense, ran

EVENTS, SPIKES, UPDATES = Quantity.EVENTS, Quantity.SPIKES, Quantity.UPDATES
PRICE = Price(
    (
        Charge("first", (EVENTS, "first"), 2.0, 3.0),
        Charge("first", (EVENTS, "first"), 1.0, 1.0, "8 KiB"),
        Charge("h", None, 10.0, 20.0, "8 KiB"),
        Charge("h", (SPIKES, "h"), 0.5, 0.5, "1 MiB"),
    )
)


def small(updates=None):
    wiring = dense()
    spikes = {"input": [3, 5], "h": [2, 4], "out": [0, 0]}
    return ran(wiring, 4, {"first": [12, 20], "second": [4, 8]}, spikes, updates)


def test_every_count_is_priced_sample_by_sample() -> None:
    found = PRICE.per_sample(small())
    assert found.tolist() == [[36 + 10 + 1, 48 + 20 + 1], [60 + 10 + 2, 80 + 20 + 2]]


def test_the_mean_of_samples_is_the_price_of_mean_counts() -> None:
    activity = small()
    total = PRICE.total(means(activity))
    assert total == Range(59.5, 85.5)
    assert np.allclose(PRICE.per_sample(activity).mean(axis=0), [total.low, total.high], rtol=1e-15)


def test_parts_and_memories_group_the_same_charges() -> None:
    counts = means(small())
    assert PRICE.by_part(counts) == {"first": Range(48.0, 64.0), "h": Range(11.5, 21.5)}
    assert PRICE.by_memory(counts) == {"8 KiB": Range(26.0, 36.0), "1 MiB": Range(1.5, 1.5)}


def test_a_count_that_was_not_made_cannot_be_priced() -> None:
    with pytest.raises(KeyError):
        Price((Charge("h", (UPDATES, "h"), 1.0, 1.0),)).total(means(small()))


def test_a_neuron_that_spikes_was_updated_though_its_membrane_is_what_it_was() -> None:
    """A neuron that fires at every step is reset to the same value: no step after the first changes it."""
    activity = small({"h": [1, 9], "out": [2, 2]})
    found = billed(activity)
    assert found[UPDATES, "h"].tolist() == [2, 9]
    assert found[UPDATES, "out"].tolist() == [2, 2]
    assert means(activity)[UPDATES, "h"] == 5.5


def test_ranges_add_and_scale() -> None:
    assert Range(1.0, 2.0) + Range(0.5, 3.0) == Range(1.5, 5.0)
    assert Range(1.0, 2.0).times(3.0) == Range(3.0, 6.0)
