"""Measures how closely a fitness follows something simpler: Kendall's tau with a bootstrap interval.

Kendall, A new measure of rank correlation (Biometrika, 1938), in the tie-corrected form b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 3
LEAST_FOR_INTERVAL = 10
RESAMPLES = 400
_SEED = 0


@dataclass(frozen=True)
class Association:
    """Tau of two quantities over `n` networks, and its 95 % interval.

    `tau` is None where all values of one of them are equal or n is below `LEAST`, the interval where n is
    below `LEAST_FOR_INTERVAL`.
    """

    n: int
    tau: float | None
    low: float | None = None
    high: float | None = None


def associate(one: Sequence[float], other: Sequence[float]) -> Association:
    """Compute tau-b; the interval is the percentile bootstrap of `RESAMPLES` resamples, always the same ones.

    It takes networks as drawn independently.
    """
    n = len(one)
    x, y = np.asarray(one, float), np.asarray(other, float)
    tau = _tau(x, y)
    if tau is None or n < LEAST_FOR_INTERVAL:
        return Association(n, tau)
    rng = np.random.default_rng(_SEED)
    picks = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    found = [again for pick in picks if (again := _tau(x[pick], y[pick])) is not None]
    low, high = np.quantile(found, (0.025, 0.975))
    return Association(n, tau, float(low), float(high))


def _tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    from scipy.stats import kendalltau

    if len(x) < LEAST:
        return None
    found: Any = kendalltau(x, y, method="asymptotic")
    tau = float(found.statistic)
    return None if isnan(tau) else tau
