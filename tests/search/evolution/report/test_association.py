"""Kendall's tau against its definition, and when it is undefined."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.search.evolution.report.association import LEAST_FOR_INTERVAL, Association, associate

values = st.integers(0, 6).map(float)


def brute_force(one: list[float], other: list[float]) -> float | None:
    """Kendall (1938) with ties: concordant less discordant pairs, over untied pairs of either ranking."""
    pairs = list(combinations(range(len(one)), 2))
    signs = [(np.sign(one[i] - one[j]), np.sign(other[i] - other[j])) for i, j in pairs]
    untied = sum(a != 0 for a, _ in signs), sum(b != 0 for _, b in signs)
    if not all(untied):
        return None
    return float(sum(a * b for a, b in signs)) / (untied[0] * untied[1]) ** 0.5


@given(st.lists(st.tuples(values, values), min_size=3, max_size=9))
def test_tau_is_what_counting_pairs_gives(pairs: list[tuple[float, float]]) -> None:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    found = associate(one, other)
    assert found.n == len(pairs)
    assert found.tau == pytest.approx(brute_force(one, other))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_networks_have_no_tau(n: int) -> None:
    assert associate([1.0, 2.0][:n], [2.0, 1.0][:n]) == Association(n, None)


def test_equal_values_have_no_tau() -> None:
    assert associate([1.0] * 20, [float(i) for i in range(20)]) == Association(20, None)


def test_few_networks_have_no_interval() -> None:
    count = LEAST_FOR_INTERVAL - 1
    ranked = [float(i) for i in range(count)]
    assert associate(ranked, ranked[::-1]) == Association(count, -1.0)


def test_the_interval_holds_tau_and_is_always_the_same() -> None:
    rng = np.random.default_rng(3)
    one = rng.normal(size=200)
    other = one + rng.normal(size=200)
    found = associate(list(one), list(other))
    assert found == associate(list(one), list(other))
    assert found.tau is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.tau < found.high
    assert 0.03 < found.high - found.low < 0.3


def test_a_wider_sample_narrows_the_interval() -> None:
    rng = np.random.default_rng(4)
    one = rng.normal(size=1000)
    other = one + rng.normal(size=1000)
    wide, narrow = associate(list(one[:30]), list(other[:30])), associate(list(one), list(other))
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert narrow.high - narrow.low < wide.high - wide.low
