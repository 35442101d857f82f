"""Writes energies for a page: a unit that suits, and no more digits than they deserve."""

from __future__ import annotations

from dataclasses import dataclass

from msc.compiler.energy.comparing import Comparison, Winner
from msc.compiler.energy.prices import Range
from msc.compiler.energy.report import Interval
from msc.compiler.energy.words import digits

NO_ENERGY = "n/a"
_GAP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Unit:
    """A unit of energy, and how many nanojoules it is."""

    name: str
    nanojoules: float


_UNITS = (Unit("J", 1e9), Unit("mJ", 1e6), Unit("µJ", 1e3), Unit("nJ", 1.0), Unit("pJ", 1e-3))


def unit_of(nanojoules: float) -> Unit:
    """Find the largest unit of which an energy is at least one; nanojoules for none at all."""
    if nanojoules <= 0:
        return Unit("nJ", 1.0)
    return next((unit for unit in _UNITS if nanojoules >= 0.9995 * unit.nanojoules), _UNITS[-1])


def energy(found: Range, unit: Unit | None = None) -> str:
    """Write a range of nanojoules, once where both ends read the same: 1.2–1.5 µJ."""
    unit = unit or unit_of(found.high)
    low, high = digits(found.low / unit.nanojoules), digits(found.high / unit.nanojoules)
    return f"{low if low == high else f'{low}–{high}'}{_GAP}{unit.name}"


def lower_end(found: Range, unit: Unit) -> float | None:
    """Give the lower end of a range in a unit; None where it reads as the upper one does."""
    low, high = found.low / unit.nanojoules, found.high / unit.nanojoules
    return None if digits(low) == digits(high) else low


def energy_or_none(found: Range | None, unit: Unit | None = None) -> str:
    """Write a range of nanojoules, n/a where there is none."""
    return NO_ENERGY if found is None else energy(found, unit)


def bounds(low: Interval | None, high: Interval | None) -> Range | None:
    """Join the intervals of both ends of an energy: from the least to the greatest that they allow."""
    if low is None or high is None or low.bounds is None or high.bounds is None:
        return None
    return Range(low.bounds[0], high.bounds[1])


def times(ratio: float) -> str:
    """Write how many times one energy is another, two digits: 1.04×, 2.8×, 14×, 1,200×."""
    if ratio >= 99.5:
        return f"{float(f'{ratio:.2g}'):,.0f}×"
    return f"{ratio:.0f}×" if ratio >= 9.95 else f"{ratio:.{1 if ratio >= 1.095 else 2}f}×"


def who_needs_less(found: Comparison) -> str:
    """Say which network needs less, and how many times: SNN 2.8× less, dense 1.3–3.1× less."""
    if found.winner is Winner.EITHER:
        return "ranges overlap"
    who = "SNN" if found.winner is Winner.SPIKING else "dense"
    if found.factor is None:
        return f"{who} less"
    low, high = times(found.factor.low), times(found.factor.high)
    return f"{who} {low if low == high else f'{low[:-1]}–{high}'} less"
