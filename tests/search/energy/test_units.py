"""Energies as the page writes them."""

from __future__ import annotations

import pytest

from msc.compiler.energy.prices import Range
from msc.compiler.energy.report import Interval
from msc.search.energy.units import bounds, energy, energy_or_none, times, unit_of


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (1.2, 1.2, "1.2 nJ"),
        (1204.0, 1496.0, "1.2–1.5 µJ"),
        (0.0123, 0.0123, "12.3 pJ"),
        (0.00042, 0.00042, "0.42 pJ"),
        (999.6, 999.6, "1 µJ"),
        (2_500_000.0, 2_500_000.0, "2.5 mJ"),
        (7e9, 8e9, "7–8 J"),
        (7e12, 7e12, "7,000 J"),
        (31.6, 367.8, "31.6–368 nJ"),
        (1.2341, 1.2342, "1.23 nJ"),
        (0.0, 12.0, "0–12 nJ"),
        (0.0, 0.0, "0 nJ"),
    ],
)
def test_energies_have_three_digits_and_a_unit(low: float, high: float, written: str) -> None:
    assert energy(Range(low, high)).replace("\N{NO-BREAK SPACE}", " ") == written


def test_energies_beside_each_other_share_a_unit() -> None:
    unit = unit_of(1500.0)
    assert unit.name == "µJ"
    assert energy(Range(12.0, 12.0), unit).split("\N{NO-BREAK SPACE}") == ["0.012", "µJ"]


def test_what_is_not_known_is_not_zero() -> None:
    assert energy_or_none(None) == "n/a"
    assert energy_or_none(Range(0.0, 0.0)) != "n/a"


@pytest.mark.parametrize(
    ("ratio", "written"),
    [(1.0, "1.00×"), (1.04, "1.04×"), (1.25, "1.2×"), (4.96, "5.0×"), (14.2, "14×"), (1234.0, "1,200×")],
)
def test_ratios_have_two_digits(ratio: float, written: str) -> None:
    assert times(ratio) == written


def test_an_interval_goes_from_the_low_end_of_low_to_the_high_end_of_high() -> None:
    low, high = Interval(10.0, (9.0, 11.0)), Interval(20.0, (18.0, 22.0))
    assert bounds(low, high) == Range(9.0, 22.0)
    assert bounds(Interval(10.0, None), Interval(20.0, None)) is None
    assert bounds(None, None) is None
