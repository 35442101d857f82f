"""Draws inputs of a source's kind and shape, for calibration and for verification without data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.neurons import InputKind, Source

_CELL = 4  # pixels per side of the blobs that make one sample differ from the next
_GRID = 16  # values are multiples of 1/16, so that sums of dyadic weights stay exact


def draw_input(source: Source, seed: int, batch: int, timesteps: int) -> NDArray[np.float32]:
    """Draw inputs: static [B, *shape], else [T, B, *shape]; the same arrays for the same arguments.

    Analog values are multiples of 1/16 in [0, 1], smooth blobs plus noise, as in images; events are 0 or 1,
    drawn independently per step from such a map of rates.
    """
    rng = np.random.default_rng([seed, batch, timesteps, *source.shape])
    frames = (batch,) if source.kind is InputKind.STATIC else (timesteps, batch)
    if source.kind is InputKind.EVENTS:
        rates = 0.6 * _blobs(rng, (batch,), source.shape)
        return (rng.random((*frames, *source.shape)) < rates).astype(np.float32)
    values = 0.8 * _blobs(rng, frames, source.shape) + 0.2 * rng.random((*frames, *source.shape))
    return (np.round(values * _GRID) / _GRID).astype(np.float32)


def _blobs(rng: np.random.Generator, leading: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Draw maps in [0, 1] that are constant over cells of a few pixels."""
    coarse = tuple(-(-n // _CELL) if axis else n for axis, n in enumerate(shape))
    blobs = rng.random((*leading, *coarse))
    for axis in range(1, len(shape)):
        blobs = np.repeat(blobs, _CELL, axis=len(leading) + axis)
    return blobs[(..., *(slice(n) for n in shape))]
