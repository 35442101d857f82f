"""Scales under which weights that are integers on one grid stay exact."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import lcm

import numpy as np

from msc.compiler.fixed.loads import Load
from msc.ir.fixed import LARGEST_THRESHOLD
from msc.ir.network import Array


def exact_step(loads: Iterable[Load], weight_per_threshold: float) -> int | None:
    """Find the least n such that thresholds that are multiples of n make all weights exact; None without one.

    w 2^-g is an integer for the weights into a channel, and w becomes w f threshold (f: what a weight of 1 is
    under a threshold of 1), which must be a multiple of the range's step. Only binary grids are seen: others
    are no longer exact once stored as float32.
    """
    step = 1
    for load in loads:
        factor = Fraction(weight_per_threshold) / Fraction(load.message_scale) / load.allowed.step
        for channel in load.weight:
            grid = _grid(channel)
            if grid is None:
                continue
            step = lcm(step, (factor * grid).denominator)
            if step > LARGEST_THRESHOLD:
                return None
    return step


def _grid(values: Array) -> Fraction | None:
    """Find the largest power of two of which all values are multiples; None where all are 0."""
    nonzero = values[values != 0].astype(np.float64)
    if not nonzero.size:
        return None
    mantissa, exponent = np.frexp(nonzero)
    integers = np.abs(mantissa * 2.0**24).astype(np.int64)
    lowest = np.frexp((integers & -integers).astype(np.float64))[1] - 1
    power = int((exponent - 24 + lowest).min())
    return Fraction(2) ** power
