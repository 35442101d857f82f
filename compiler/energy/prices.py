"""Energies that are linear in counts: what one event, spike or update of each column costs, as a range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from msc.ir.activity import Activity, Column, Integers, Quantity

PJ_PER_NJ = 1000.0
CHIP = "(chip)"  # no name of a projection or population


@dataclass(frozen=True)
class Range:
    """An energy between what the sources that differ allow, in the unit its user names; low <= high."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Multiply both ends by a factor that is not negative."""
        return Range(self.low * factor, self.high * factor)


NOTHING = Range(0.0, 0.0)


@dataclass(frozen=True)
class Charge:
    """Picojoules that each count of `column` (None: each sample, once) adds to the low and to the high end.

    `part` says where the energy goes: the name of a projection or of a population, or `CHIP`. `memory` names
    the memory of an access ("32 KiB").
    """

    part: str
    column: Column | None
    low: float
    high: float
    memory: str = ""


@dataclass(frozen=True)
class Price:
    """Picojoules per sample: the sum of the charges, each times the count of its column.

    Counts are those of `billed`, per sample or their `means`: the same charges price both.
    """

    charges: tuple[Charge, ...] = ()

    def by_part(self, counts: Mapping[Column, float]) -> dict[str, Range]:
        """Price mean counts per sample: picojoules by projection or population."""
        return _grouped(self.charges, counts, lambda charge: charge.part)

    def by_memory(self, counts: Mapping[Column, float]) -> dict[str, Range]:
        """Price mean counts per sample: picojoules by the memory that is accessed."""
        accesses = (charge for charge in self.charges if charge.memory)
        return _grouped(tuple(accesses), counts, lambda charge: charge.memory)

    def total(self, counts: Mapping[Column, float]) -> Range:
        """Price mean counts per sample, all parts together, in picojoules."""
        return sum(self.by_part(counts).values(), start=NOTHING)

    def per_sample(self, activity: Activity) -> NDArray[np.float64]:
        """Price every sample of an activity: picojoules [samples, 2], low and high."""
        counts = billed(activity)
        ends = np.zeros((activity.samples, 2))
        for charge in self.charges:
            count = 1 if charge.column is None else counts[charge.column][:, None]
            ends += count * np.array([charge.low, charge.high])
        return ends


def _grouped(
    charges: tuple[Charge, ...], counts: Mapping[Column, float], key: Callable[[Charge], str]
) -> dict[str, Range]:
    groups: dict[str, Range] = {}
    for charge in charges:
        count = 1.0 if charge.column is None else counts[charge.column]
        found = groups.get(key(charge), NOTHING)
        groups[key(charge)] = found + Range(charge.low * count, charge.high * count)
    return groups


def billed(activity: Activity) -> dict[Column, Integers]:
    """List the counts that are paid for, sample by sample: int64 [samples] by column.

    They are those of the table, but that of membrane updates a population has at least as many as spikes: a
    neuron that fires at every step has the same membrane after every reset, and was updated all the same.
    """
    counts = {column: activity.table[:, place] for place, column in enumerate(activity.columns)}
    for quantity, name in activity.columns:
        if quantity is Quantity.UPDATES:
            column = (quantity, name)
            counts[column] = np.maximum(counts[column], counts[(Quantity.SPIKES, name)])
    return counts


def means(activity: Activity) -> dict[Column, float]:
    """Average the counts that are paid for over the samples."""
    return {column: int(counts.sum()) / activity.samples for column, counts in billed(activity).items()}


class Standing(Enum):
    """Whether a term of the energy is known: priced, part of another term, or nowhere published."""

    KNOWN = "known"
    INCLUDED = "included in another term"
    MISSING = "n/a"


@dataclass(frozen=True)
class Term:
    """One term of a profile's energy; `price` where it is known, `note` what it holds or why there is none.

    `figures` names the profile's energies that the price is made of. `unpriced` lists columns that the
    term should hold but the profile has no energy for, and `unpriced_note` says what they are.
    """

    name: str
    standing: Standing
    note: str
    price: Price | None = None
    figures: tuple[str, ...] = ()
    unpriced: tuple[Column, ...] = ()
    unpriced_note: str = ""


SYNAPTIC, UPDATES, MEMORY, MESSAGES, STATIC = TERMS = (
    "synaptic_operations",
    "neuron_updates",
    "memory",
    "messages",
    "static",
)
"""The terms of every profile, in the order they are told."""
