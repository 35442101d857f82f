"""The linear maps of a projection on float64 arrays: the arithmetic behind the reference simulator."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from msc.ir.network import Norm, NormKind, Projection, Weights
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Pair, Quantise, Scale, SumPool2d

Floats: TypeAlias = NDArray[np.float64]


def apply_projection(projection: Projection, weights: Weights, spikes: Floats) -> Floats:
    """Compute norm(ops(spikes)) for spikes [B, *source shape]; returns [B, *target shape]."""
    current = apply_ops(projection, weights, spikes)
    if projection.norm is None:
        return current
    return normalise(projection, projection.norm, weights, current)


def apply_ops(projection: Projection, weights: Weights, spikes: Floats) -> Floats:
    """Compute ops(spikes), without the norm, for spikes [B, *source shape]."""
    current = spikes
    for index, op in enumerate(projection.ops):
        weight = weights.get(projection.weight_key(index))
        current = _apply_op(op, None if weight is None else weight.astype(np.float64), current)
    return current


def per_channel(values: NDArray[Any], rank: int) -> NDArray[Any]:
    """Shape [C] values so that they broadcast over [B, C, ...] arrays with `rank` axes after the batch."""
    return values.reshape(-1, *([1] * (rank - 1)))


def _apply_op(op: Op, weight: Floats | None, x: Floats) -> Floats:
    match op:
        case Conv2d():
            assert weight is not None
            return _conv2d(op, weight, x)
        case Conv1d():
            assert weight is not None
            return _conv2d(op.in_two_axes, weight[:, :, None], x[:, :, None])[:, :, 0]
        case Linear():
            assert weight is not None
            return x @ weight.T
        case SumPool2d():
            return _windows(x, op.kernel, op.stride, op.padding, (1, 1)).sum(axis=(-2, -1))
        case AvgPool2d():
            return _windows(x, op.kernel, op.stride, op.padding, (1, 1)).mean(axis=(-2, -1))
        case Flatten():
            return x.reshape(len(x), -1)
        case Scale():
            return x * op.factor
        case Quantise():
            return np.clip(np.rint(x * op.scale), -op.limit, op.limit)
        case _:
            assert_never(op)


def _windows(x: Floats, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Floats:
    """View x [B, C, H, W] as its windows [B, C, H', W', kh, kw]."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)) if any(padding) else x
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    view = sliding_window_view(padded, reach, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _conv2d(op: Conv2d, weight: Floats, x: Floats) -> Floats:
    windows = _windows(x, op.kernel, op.stride, op.padding, op.dilation)
    batch, channels, height, width = windows.shape[:4]
    inner = channels // op.groups
    outer = op.out_channels // op.groups
    parts: list[Floats] = []
    for group in range(op.groups):
        taken = windows[:, group * inner : (group + 1) * inner].transpose(0, 2, 3, 1, 4, 5)
        matrix = taken.reshape(batch * height * width, -1)
        kernel = weight[group * outer : (group + 1) * outer].reshape(outer, -1)
        parts.append((matrix @ kernel.T).reshape(batch, height, width, outer))
    return np.concatenate(parts, axis=-1).transpose(0, 3, 1, 2)


def normalise(
    projection: Projection, norm: Norm, weights: Weights, current: Floats, channel_axis: int = 1
) -> Floats:
    """Compute norm(current), the channels on `channel_axis` (1 for [B, C, ...], 2 for [T, B, C, ...])."""

    def parameter(name: str) -> Floats:
        return per_channel(weights[projection.norm_key(name)].astype(np.float64), current.ndim - channel_axis)

    centred = current - parameter("mean") if norm.kind is NormKind.BATCH else current
    return parameter("gamma") * centred / np.sqrt(parameter("var") + norm.eps)
