"""Sums over the table of counts, by hand."""

from __future__ import annotations

import numpy as np

from msc.ir.activity import Activity, Column, Quantity

COLUMNS: tuple[Column, ...] = (
    (Quantity.EVENTS, "input>a"),
    (Quantity.EVENTS, "a>out"),
    (Quantity.SPIKES, "a"),
    (Quantity.UPDATES, "a"),
)


def activity(columns: tuple[Column, ...] = COLUMNS) -> Activity:
    table = np.array([[1, 20, 300, 4000], [2, 30, 400, 5000], [2**40, 0, 0, 1]])[:, : len(columns)]
    return Activity(4, columns, table, {}, np.zeros((3, 2)), {})


def test_a_quantity_adds_up_over_samples_of_one_or_of_all() -> None:
    shown = activity()
    assert shown.samples == 3
    assert shown.total(Quantity.EVENTS) == 53 + 2**40
    assert shown.total(Quantity.EVENTS, "a>out") == 50
    assert shown.total(Quantity.SPIKES, "a>out") == 0
    assert isinstance(shown.total(Quantity.EVENTS), int)


def test_a_quantity_counts_sample_by_sample() -> None:
    shown = activity()
    assert shown.per_sample(Quantity.EVENTS).tolist() == [21, 32, 2**40]
    assert shown.per_sample(Quantity.UPDATES, "a").tolist() == [4000, 5000, 1]
    assert shown.per_sample(Quantity.MESSAGES).tolist() == [0, 0, 0]


def test_a_mean_is_over_samples() -> None:
    assert activity().mean(Quantity.SPIKES, "a") == 700 / 3


def test_membranes_were_seen_if_there_are_columns_of_them() -> None:
    assert activity().saw_membranes
    assert not activity(COLUMNS[:3]).saw_membranes
