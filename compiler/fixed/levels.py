"""Few thresholds for many channels."""

from __future__ import annotations

import numpy as np

from msc.compiler.fixed.weights import Integers
from msc.ir.linear import Floats

_SLACK = 1e-9  # of a limit that is an integer but for the rounding of its computation


def shared_levels(limits: Floats, most: int, step: int | None) -> Integers:
    """Give each channel the greatest level at or below its limit, [C]; multiples of `step` where all can be.

    At most `most` levels: the limits themselves where they are that few, else spaced geometrically from the
    least to the greatest. Channels whose limit is below 1 get 0.
    """
    floors = np.floor(limits * (1 + _SLACK)).astype(np.int64)
    if floors.min() < 1:
        return np.where(floors < 1, 0, 1)
    if step is None or step > floors.min():
        step = 1
    highest = floors // step * step
    distinct = np.unique(highest)
    if len(distinct) > most:
        lowest, highest_of_all = float(distinct[0]), float(distinct[-1])
        ratio = (highest_of_all / lowest) ** (1 / max(most - 1, 1))
        spaced = lowest * ratio ** np.arange(most) * (1 + _SLACK)
        distinct = np.unique(np.clip(spaced.astype(np.int64) // step * step, distinct[0], distinct[-1]))
    return distinct[np.searchsorted(distinct, highest, side="right") - 1]
