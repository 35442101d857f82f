"""Intervals of means over samples."""

from __future__ import annotations

import numpy as np
import pytest

from msc.compiler.energy.confidence import half_width, interval, spread
from msc.compiler.energy.report import Interval


def test_many_samples_have_a_normal_interval() -> None:
    values = np.arange(100) % 10
    found = interval(values)
    half = 1.96 * float(np.std(values, ddof=1)) / 10
    assert found.mean == 4.5
    assert found.bounds == pytest.approx((4.5 - half, 4.5 + half))
    assert half == pytest.approx(0.5658, abs=1e-4)


def test_thirty_samples_are_many() -> None:
    values = np.repeat([1.0, 3.0], 15)
    half = 1.96 * np.sqrt(30 / 29) / np.sqrt(30)
    assert interval(values).bounds == pytest.approx((2 - half, 2 + half))


def test_few_samples_are_drawn_again() -> None:
    """A bootstrap stays inside the values, and agrees roughly with the normal interval."""
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    found = interval(values)
    assert found.mean == 4.0
    assert found.bounds is not None
    low, high = found.bounds
    half = 1.96 * values.std(ddof=1) / np.sqrt(5)
    assert 1.0 <= low < 4.0 - half / 2
    assert 4.0 + half / 2 < high <= 10.0
    assert interval(values) == found  # the generator is fixed


def test_the_bootstrap_of_two_samples_is_known() -> None:
    """Of two samples a quarter of all draws is both times the one: the interval is all between them."""
    assert interval(np.array([2, 6])).bounds == (2.0, 6.0)


def test_one_sample_says_nothing_of_others() -> None:
    assert interval(np.array([7])) == Interval(7.0, None)
    assert half_width(Interval(7.0, None)) is None


def test_equal_samples_have_an_interval_of_no_width() -> None:
    for count in (5, 50):
        assert interval(np.full(count, 3)).bounds == (3.0, 3.0)


def test_half_a_width_is_a_share_of_the_mean() -> None:
    assert half_width(Interval(10.0, (9.0, 11.0))) == pytest.approx(0.1)
    assert half_width(Interval(0.0, (0.0, 0.0))) is None


def test_spread() -> None:
    found = spread(np.arange(101))
    assert (found.least, found.p95, found.most, found.interval.mean) == (0.0, 95.0, 100.0, 50.0)
