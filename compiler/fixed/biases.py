"""Biases as Loihi holds them: integers of thirteen bits, shifted by one exponent per population."""

from __future__ import annotations

import numpy as np

from msc.compiler.fixed.weights import Integers
from msc.ir.linear import Floats
from msc.ir.step import WEIGHT_UNIT

LARGEST_MANTISSA = 4095
LARGEST_EXPONENT = 7
LARGEST_BIAS = LARGEST_MANTISSA << LARGEST_EXPONENT
COARSE_EXPONENT = 6  # of every bias in a .net file of lava-dl: multiples of a unit of weight
_FINE = 1024


def exponent_for(largest: float, coarse: bool = False) -> int:
    """Find the least exponent under which values up to `largest` can be held, and the next above them.

    Where biases are to be `coarse` it is the one of .net files.
    """
    if coarse:
        return COARSE_EXPONENT
    fitting = (e for e in range(LARGEST_EXPONENT) if largest <= (LARGEST_MANTISSA - 2) << e)
    return next(fitting, LARGEST_EXPONENT)


def rounded_biases(values: Floats, exponent: int, threshold: Integers, leaks: bool) -> Floats:
    """Round biases, [C], to multiples of 2^exponent: those of leaky populations up, past the next integer.

    Loihi fires above its threshold, we at it, and each step rounds a decaying membrane toward zero, by less
    than 1. A bias that is larger by 1 or more outweighs both: V = v_threshold fires, as where a bias alone
    takes the membrane to its threshold; of membranes just below, some do too. Where one step of the bias is
    more than a 1024th of the threshold, it goes to the nearest.
    """
    step = 1 << exponent
    nearest = step * np.rint(values / step)
    above = step * np.ceil((values + 1) / step)
    fine = leaks & (step * _FINE <= WEIGHT_UNIT * threshold)
    rounded = np.where(fine, above, nearest) + 0.0  # no -0
    return np.clip(rounded, -LARGEST_MANTISSA * step, LARGEST_MANTISSA * step)
