"""The linear maps and the normalisation of projections on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

from msc.ir.network import Norm, NormKind, Projection, Sign
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d

Tensors: TypeAlias = Mapping[str, Tensor]
Statistics: TypeAlias = tuple[Tensor | None, Tensor]
"""Per channel: the mean (None for a norm that does not centre) and the variance or mean square."""


def apply_ops(projection: Projection, weights: Tensors, spikes: Tensor) -> Tensor:
    """Compute ops(spikes), without the norm, for spikes [N, *source shape]."""
    current = spikes
    for index, op in enumerate(projection.ops):
        current = _apply_op(op, weights.get(projection.weight_key(index)), current)
    return current


def _apply_op(op: Op, weight: Tensor | None, x: Tensor) -> Tensor:
    match op:
        case Conv2d():
            assert weight is not None
            return F.conv2d(x, weight, None, op.stride, op.padding, op.dilation, op.groups)
        case Linear():
            assert weight is not None
            return F.linear(x, weight)
        case AvgPool2d():
            return F.avg_pool2d(x, op.kernel, op.stride, op.padding)
        case SumPool2d():
            return F.avg_pool2d(x, op.kernel, op.stride, op.padding, divisor_override=1)
        case Flatten():
            return x.flatten(1)
        case Scale():
            return x * op.factor
        case _:
            assert_never(op)


def observe(norm: Norm, current: Tensor) -> Statistics:
    """Measure the statistics per channel of `current` [N, C, ...] that the norm divides by."""
    axes = [axis for axis in range(current.ndim) if axis != 1]
    match norm.kind:
        case NormKind.BATCH:
            variance, mean = torch.var_mean(current, axes, correction=0)
            return mean, variance
        case NormKind.SCALE:
            return None, current.square().mean(axes)
        case _:
            assert_never(norm.kind)


def normalise(norm: Norm, gamma: Tensor, statistics: Statistics, current: Tensor) -> Tensor:
    """Compute gamma (x - mean) / sqrt(var + eps) for `current` [N, C, ...] (no mean: without centring)."""
    mean, variance = statistics
    rank = current.ndim - 1
    centred = current if mean is None else current - per_channel(mean, rank)
    return per_channel(gamma, rank) * centred / per_channel((variance + norm.eps).sqrt(), rank)


def normalise_by_own(norm: Norm, gamma: Tensor, current: Tensor) -> tuple[Tensor, Statistics]:
    """Normalise `current` [N, C, ...] by its own statistics, through which gradients flow; returns both."""
    if norm.kind is NormKind.SCALE:
        statistics = observe(norm, current)
        return normalise(norm, gamma, statistics, current), statistics
    result, mean, inverse = torch.native_batch_norm(current, gamma, None, None, None, True, 0.0, norm.eps)
    return result, (mean, (inverse.square().reciprocal() - norm.eps).clamp(min=0))


def per_channel(values: Tensor, rank: int) -> Tensor:
    """Shape [C] values so that they broadcast over tensors that end in [C, ...] of `rank` axes."""
    return values.reshape(-1, *([1] * (rank - 1)))


def with_sign(sign: Sign, stored: Tensor) -> Tensor:
    """Turn a stored weight into the effective one: |w|, -|w| or w."""
    match sign:
        case Sign.EXCITATORY:
            return stored.abs()
        case Sign.INHIBITORY:
            return -stored.abs()
        case Sign.FREE:
            return stored
        case _:
            assert_never(sign)
