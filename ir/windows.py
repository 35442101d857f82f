"""Which inputs each tap of a sliding window reads along one axis, zero padding left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OUTSIDE = -1


def window_places(
    size: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int = 1
) -> NDArray[np.int64]:
    """Find the input index that each tap reads at each position of a window: [outputs, kernel].

    Position o reads o * stride - padding + k * dilation with tap k; `OUTSIDE` where that is no index of an
    axis of `size`.
    """
    start = np.arange(outputs, dtype=np.int64)[:, None] * stride - padding
    places = start + dilation * np.arange(kernel, dtype=np.int64)
    return np.where((places >= 0) & (places < size), places, OUTSIDE)
