"""Integer weights of eight bits, in the range that the signs of a projection leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.linear import Floats

Integers: TypeAlias = NDArray[np.int64]
Synapses: TypeAlias = NDArray[np.int16]
_BLOCK = 2**16  # weights that are rounded at once: what a processor keeps near


@dataclass(frozen=True)
class WeightRange:
    """The integers that a projection's weights may be: every `step` from `lowest` to `highest`."""

    lowest: int
    highest: int
    step: int


EXCITATORY = WeightRange(0, 255, 1)
INHIBITORY = WeightRange(-255, 0, 1)
MIXED = WeightRange(-256, 254, 2)  # eight bits hold sign and magnitude: the last bit of the magnitude goes


def weight_range(weight: NDArray[Any]) -> WeightRange:
    """Find the range of a projection's weights by the signs they have, as Lava's Dense and Sparse do.

    Source: lava-nc 0.10.0, lava/utils/weightutils.py.
    """
    if not weight.size or weight.min() >= 0:
        return EXCITATORY
    return INHIBITORY if weight.max() <= 0 else MIXED


def rounded_weights(weight: NDArray[Any], unit: Floats) -> Synapses:
    """Round a projection's float weights, [C, ...], to integers; one unit per channel, [C].

    w_int = step * rint(w / (step unit_c)), clipped to the range of the projection's signs (`weight_range`);
    step is 2 where signs are mixed. `unit` is `Scales.unit_into(projection)`.
    """
    allowed = weight_range(weight)
    units = allowed.step * unit.reshape(-1, *([1] * (weight.ndim - 1)))
    found = np.empty(weight.shape, np.int16)
    rows = max(1, _BLOCK * len(weight) // max(weight.size, 1))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        rounded = allowed.step * np.rint(weight[part].astype(np.float64) / units[part])
        found[part] = np.clip(rounded, allowed.lowest, allowed.highest)
    lowest = weight_range(found).lowest  # all positive ones may have become 0
    return found if lowest <= allowed.lowest else np.maximum(found, np.int16(lowest))
