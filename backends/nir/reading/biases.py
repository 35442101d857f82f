"""Biases of NIR's linear nodes, as biases of populations or as what a population that always fires sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.pieces import Link
from msc.ir.network import Array
from msc.ir.neurons import IF
from msc.ir.ops import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    Op,
    Quantise,
    Scale,
    Shape,
    SumPool2d,
    output_shape,
)

Floats: TypeAlias = NDArray[np.float64]

_BLOCK = 2**20

ALWAYS = IF(r=1.0, v_threshold=0.5)
"""With a bias of 1 this fires in every step: V = 1, reset to 0."""


@dataclass(frozen=True)
class Standing:
    """What a population of `shape` that always fires sends, from its first link on."""

    shape: Shape
    links: tuple[Link, ...]


def carried(bias: Array, shape: Shape, links: Sequence[Link]) -> Floats | None:
    """Carry a bias, one value per channel of a signal of `shape`, through linear maps.

    Returns one value per channel of what leaves, where that is constant inside channels, as it is not
    behind zero padding, and a float32 holds it; else None.
    """
    values: Floats = bias.astype(np.float64)
    for op, weight in links:
        onward = _through(op, weight, values, shape)
        if onward is None:
            return None
        values, shape = onward, output_shape(op, shape)
    with np.errstate(over="ignore"):
        exact = bool((values.astype(np.float32) == values).all())
    return values if exact else None


def standing(bias: Array, shape: Shape, links: Sequence[Link]) -> Standing:
    """Make a signal of `shape` with `bias` in its channels, and what `links` do to it, of a constant 1."""
    channels = len(bias)
    first: Link
    match len(shape):
        case 1:
            first = (Linear(channels), bias[:, None].copy())
        case 2:
            first = (Conv1d(channels, 1), bias[:, None, None].copy())
        case _:
            first = (Conv2d(channels, (1, 1)), bias[:, None, None, None].copy())
    return Standing((1, *shape[1:]), (first, *links))


def _through(op: Op, weight: Array | None, values: Floats, shape: Shape) -> Floats | None:
    match op:
        case Linear():
            assert weight is not None
            rows = max(1, _BLOCK // weight.shape[1])
            blocks = (weight[row : row + rows].astype(np.float64) for row in range(0, len(weight), rows))
            return np.concatenate([block @ values for block in blocks])
        case Conv1d() | Conv2d():
            assert weight is not None
            if np.any(op.padding):
                return None
            sums = weight.astype(np.float64).reshape(*weight.shape[:2], -1).sum(axis=2)
            grouped = sums.reshape(op.groups, -1, weight.shape[1])
            return np.einsum("goi,gi->go", grouped, values.reshape(op.groups, -1)).ravel()
        case AvgPool2d():
            return None if any(op.padding) else values
        case SumPool2d():
            return None if any(op.padding) else values * prod(op.kernel)
        case Scale(factor):
            return values * factor
        case Flatten():
            return np.repeat(values, prod(shape[1:]))
        case Quantise():
            raise AssertionError("NIR has no such node")
        case _:
            assert_never(op)
