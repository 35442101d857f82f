"""Energies that are linear in counts: what one event, spike or update of each column costs, as a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from msc.ir.activity import Activity, Column

PJ_PER_NJ = 1000.0


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
class Price:
    """Picojoules per sample: `constant` + the sum over columns of `each` times its count.

    `constant` and `each` are by part, which says where the energy goes: the name of a projection or of a
    population. A count that was not made (membrane updates that no simulator showed) must not be named.
    """

    each: Mapping[Column, Range] = field(default_factory=lambda: MappingProxyType({}))
    constant: Mapping[str, Range] = field(default_factory=lambda: MappingProxyType({}))

    def by_part(self, counts: Mapping[Column, float]) -> dict[str, Range]:
        """Price counts per sample: picojoules by projection or population."""
        parts = dict(self.constant)
        for column, each in self.each.items():
            parts[column[1]] = parts.get(column[1], NOTHING) + each.times(counts.get(column, 0.0))
        return parts

    def total(self, counts: Mapping[Column, float]) -> Range:
        """Price counts per sample, all parts together, in picojoules."""
        return sum(self.by_part(counts).values(), start=NOTHING)

    def per_sample(self, activity: Activity) -> NDArray[np.float64]:
        """Price every sample of an activity: picojoules [samples, 2], low and high."""
        places = {column: index for index, column in enumerate(activity.columns)}
        factors = np.zeros((len(activity.columns), 2))
        for column, each in self.each.items():
            factors[places[column]] += (each.low, each.high)
        constant = sum(self.constant.values(), start=NOTHING)
        return activity.table @ factors + (constant.low, constant.high)


class Standing(Enum):
    """Whether a term of the energy is known: priced, part of another term, or nowhere published."""

    KNOWN = "known"
    INCLUDED = "included in another term"
    MISSING = "n/a"


@dataclass(frozen=True)
class Term:
    """One term of a profile's energy; `price` where it is known, `note` what it holds or why there is none."""

    name: str
    standing: Standing
    note: str
    price: Price | None = None


SYNAPTIC, UPDATES, MEMORY, MESSAGES, STATIC = TERMS = (
    "synaptic_operations",
    "neuron_updates",
    "memory",
    "messages",
    "static",
)
"""The terms of every profile, in the order they are told."""
