"""How sure a mean over samples is: 95 % intervals, and how far samples spread."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.energy.report import Interval

FEWEST = 30  # samples from which on the mean is taken to be normally distributed
_DEVIATIONS = 1.96  # of a normal distribution, to both sides of the mean: 95 %
_OUTSIDE = (2.5, 97.5)  # percentiles
_DRAWS = 10_000
_SEED = 0


@dataclass(frozen=True)
class Spread:
    """A quantity over samples: the interval of its mean, its least, its greatest, its 95th percentile."""

    interval: Interval
    least: float
    most: float
    p95: float


def interval(values: NDArray[Any]) -> Interval:
    """Estimate a mean from values of samples, [samples], with its 95 % interval.

    mean +- 1.96 s / sqrt(n), s the standard deviation with n - 1, from `FEWEST` samples on. For fewer, the
    percentiles 2.5 and 97.5 of the means of 10,000 samples drawn with replacement (a bootstrap; its generator
    is fixed, so that equal values give equal bounds). One sample has no interval.
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Interval(mean, None)
    if count < FEWEST:
        chosen = np.random.default_rng(_SEED).integers(count, size=(_DRAWS, count))
        low, high = np.percentile(values[chosen].mean(axis=1), _OUTSIDE)
        return Interval(mean, (float(low), float(high)))
    half = _DEVIATIONS * float(np.std(values, ddof=1)) / sqrt(count)
    return Interval(mean, (mean - half, mean + half))


def spread(values: NDArray[Any]) -> Spread:
    """Say how values of samples, [samples], spread."""
    least, most, p95 = float(values.min()), float(values.max()), float(np.percentile(values, 95))
    return Spread(interval(values), least, most, p95)


def half_width(found: Interval) -> float | None:
    """Give half an interval's width as a share of its mean; None where there is no interval, or no mean."""
    if found.bounds is None or not found.mean:
        return None
    low, high = found.bounds
    return (high - low) / 2 / found.mean
