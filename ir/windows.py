"""Which inputs the taps of sliding windows read along one axis, op after op, zero padding left out."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.ops import Conv2d, Shape, Windowed

OUTSIDE = -1

Places: TypeAlias = NDArray[np.int64]
"""[outputs, reads] of one axis: which input indices each output index reads, or OUTSIDE."""


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


def windows(op: Windowed, read: Shape, made: Shape) -> tuple[Places, Places]:
    """Find which rows and columns of its input each tap of `op` reads, for each of its outputs."""
    dilation = op.dilation if isinstance(op, Conv2d) else (1, 1)
    axes = zip(read[1:], made[1:], op.kernel, op.stride, op.padding, dilation, strict=True)
    rows, columns = (window_places(*axis) for axis in axes)
    return rows, columns


def through(reads: Places, before: Places | None) -> Places:
    """Find what an op reads of the input of the ops before it (None: there are none), each index once."""
    if before is None:
        return reads
    inner = np.where((reads == OUTSIDE)[..., None], OUTSIDE, before[reads])
    return distinct(inner.reshape(len(reads), -1))


def distinct(places: Places) -> Places:
    """Keep each place that an output reads once; rows are filled up with OUTSIDE."""
    ordered = np.sort(places, axis=1)[:, ::-1]
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = OUTSIDE
    ordered = np.sort(ordered, axis=1)[:, ::-1]
    return ordered[:, : max(int((ordered != OUTSIDE).sum(axis=1).max()), 1)]
