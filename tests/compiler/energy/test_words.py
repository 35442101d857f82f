"""Energies and sizes as people read them."""

from __future__ import annotations

import pytest

from msc.compiler.energy.prices import Range
from msc.compiler.energy.words import count, digits, energy, percent, size, span, times


@pytest.mark.parametrize(
    ("nanojoules", "words"),
    [
        (0.0, "0 nJ"),
        (1e-6, "0.001 pJ"),
        (0.0123, "12.3 pJ"),
        (0.99949, "999 pJ"),
        (0.9996, "1 nJ"),
        (15.28, "15.3 nJ"),
        (2033.0, "2.03 uJ"),
        (4.2e6, "4.2 mJ"),
        (3e12, "3,000 J"),
    ],
)
def test_energies_have_a_unit_that_suits_them(nanojoules: float, words: str) -> None:
    assert energy(nanojoules) == words


def test_ranges_share_a_unit() -> None:
    assert span(Range(31.6, 367.8)) == "31.6 to 368 nJ"
    assert span(Range(0.0, 5.0)) == "0 to 5 nJ"
    assert span(Range(5.0001, 5.0002)) == "5 nJ"


def test_numbers() -> None:
    assert [digits(1234.5), digits(0.01234), digits(12.345)] == ["1,234", "0.0123", "12.3"]
    assert [count(1537), count(12.5), count(1e6)] == ["1,537", "12.5", "1,000,000"]
    assert [percent(0.0993), percent(1.0)] == ["9.93 %", "100 %"]
    assert [times(Range(2.8, 2.8)), times(Range(2.8, 14.2)), times(Range(1200.0, 1200.0))] == [
        "2.8 times",
        "2.8 to 14 times",
        "1,200 times",
    ]


def test_sizes() -> None:
    assert [size(1), size(108), size(8192), size(1 << 20), size(8193)] == [
        "1 byte",
        "108 bytes",
        "8 KiB",
        "1 MiB",
        "8,193 bytes",
    ]
