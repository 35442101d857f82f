"""The linear maps of projections on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, assert_never

import torch.nn.functional as F
from torch import Tensor

from msc.ir.network import Projection, Sign
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Quantise, Scale, SumPool2d

Tensors: TypeAlias = Mapping[str, Tensor]


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
        case Conv1d():
            assert weight is not None
            return F.conv1d(x, weight, None, op.stride, op.padding, op.dilation, op.groups)
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
        case Quantise():
            return (x.double() * op.scale).round().clamp(-op.limit, op.limit).to(x.dtype)
        case _:
            assert_never(op)


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
