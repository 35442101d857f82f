"""Energies and sizes as people read them: three digits and a unit that suits them."""

from __future__ import annotations

from msc.compiler.energy.prices import Range

_ENERGIES = (("J", 1e9), ("mJ", 1e6), ("uJ", 1e3), ("nJ", 1.0), ("pJ", 1e-3))
_SIZES = (("MiB", 1 << 20), ("KiB", 1 << 10))


def energy(nanojoules: float) -> str:
    """Write an energy: "15.3 nJ", "0 nJ"."""
    return span(Range(nanojoules, nanojoules))


def span(found: Range) -> str:
    """Write a range of nanojoules, once where both ends read the same: "31.6 to 368 nJ"."""
    if found.high <= 0:
        return "0 nJ"
    units = (pair for pair in _ENERGIES if found.high >= 0.9995 * pair[1])
    unit, size = next(units, _ENERGIES[-1])
    return f"{either(found.low / size, found.high / size)} {unit}"


def either(low: float, high: float) -> str:
    """Write two numbers, once where they read the same: "45 to 13,300"."""
    low_words, high_words = digits(low), digits(high)
    return low_words if low_words == high_words else f"{low_words} to {high_words}"


def digits(value: float) -> str:
    """Write three digits of a number, large ones whole: "0.0123", "1.2", "12,346"."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e9 else f"{value:.3g}"


def count(value: float) -> str:
    """Write a count per sample: whole numbers whole, others to one decimal ("1,537", "12.5")."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def size(number: int) -> str:
    """Write a size in bytes: "32 KiB", "108 bytes"."""
    for unit, factor in _SIZES:
        if number >= factor and number % factor == 0:
            return f"{number // factor} {unit}"
    return f"{number:,} byte{'' if number == 1 else 's'}"


def times(ratios: Range) -> str:
    """Write how many times one energy is another, two digits: "2.8 times", "2.8 to 14 times"."""
    return f"{factors(ratios)} times"


def factors(ratios: Range) -> str:
    """Write ratios, two digits: "2.8", "2.8 to 14"."""
    low, high = (f"{ratio:.2g}" if ratio < 99.5 else f"{ratio:,.0f}" for ratio in (ratios.low, ratios.high))
    return low if low == high else f"{low} to {high}"


def percent(share: float) -> str:
    """Write a share in percent, three digits: "9.93 %"."""
    return f"{100 * share:.3g} %"
