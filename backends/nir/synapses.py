"""Projections as chains of NIR nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias, assert_never

import numpy as np

from msc.backends.nir.kernels import diagonal, placed, squared
from msc.backends.nir.nodes import (
    Fields,
    Node,
    conv1d_node,
    conv_node,
    dense_node,
    flatten_node,
    scaled,
    sum_pool_node,
)
from msc.ir.errors import Problem
from msc.ir.network import Array, Projection, Weights
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Pair, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import projection_shapes


@dataclass(frozen=True)
class _Conv:
    """A dense kernel; `groups`: it holds so many blocks and is zero elsewhere."""

    shape: Shape
    op: Conv2d
    weight: Callable[[], Array]
    groups: int = 1


@dataclass(frozen=True)
class _Conv1d:
    shape: Shape
    op: Conv1d
    weight: Callable[[], Array]
    groups: int = 1


@dataclass(frozen=True)
class _Dense:
    weight: Callable[[], Array]


@dataclass(frozen=True)
class _Pool:
    kernel: Pair
    stride: Pair


@dataclass(frozen=True)
class _Flat:
    shape: Shape


_Stage: TypeAlias = _Conv | _Conv1d | _Dense | _Pool | _Flat
_WEIGHTED = _Conv | _Conv1d | _Dense


class InexpressibleError(ValueError):
    """NIR has no words for a projection; the problem says which and what would help."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def synapse_nodes(
    projection: Projection,
    source: Shape,
    weights: Weights,
    *,
    factor: float = 1.0,
    bias: Array | None = None,
    explicit: bool = False,
) -> tuple[Node, ...]:
    """Lower a projection to a chain of NIR nodes computing factor * ops(x) + bias.

    The chain is empty for an identity without factor and bias, unless `explicit` asks for a node.
    Raises InexpressibleError.
    """
    stages, scale = _stages(projection, source, weights)
    total = scale * factor
    last = projection_shapes(projection, source)[-1]
    weighted = [i for i, stage in enumerate(stages) if isinstance(stage, _WEIGHTED)]
    if (
        (total != 1 and not weighted)
        or (bias is not None and weighted[-1:] != [len(stages) - 1])
        or (explicit and not stages)
    ):
        stages.append(_unit(projection, last))
    weighted = [i for i, stage in enumerate(stages) if isinstance(stage, _WEIGHTED)]
    notes = {"projection": projection.name}
    return tuple(
        _node(
            stage,
            total if weighted and i == weighted[-1] else 1.0,
            bias if i == len(stages) - 1 else None,
            notes,
        )
        for i, stage in enumerate(stages)
    )


def carries_bias(chain: Sequence[Node]) -> bool:
    """Whether the last node of a chain has room for a bias."""
    return bool(chain) and chain[-1].kind in ("Conv2d", "Conv1d", "Linear", "Affine")


def _node(stage: _Stage, factor: float, bias: Array | None, notes: Fields) -> Node:
    match stage:
        case _Conv(shape, op, weight, groups):
            return conv_node(op, shape, lambda: scaled(weight(), factor), bias, _grouped(notes, groups))
        case _Conv1d(shape, op, weight, groups):
            return conv1d_node(op, shape, lambda: scaled(weight(), factor), bias, _grouped(notes, groups))
        case _Dense(weight):
            return dense_node(lambda: scaled(weight(), factor), bias, notes)
        case _Pool(kernel, stride):
            return sum_pool_node(kernel, stride, notes)
        case _Flat(shape):
            return flatten_node(shape, notes)
        case _:
            assert_never(stage)


def _grouped(notes: Fields, groups: int) -> Fields:
    return {**notes, "groups": groups} if groups > 1 else notes


def _stages(projection: Projection, source: Shape, weights: Weights) -> tuple[list[_Stage], float]:
    """List the stages of the chain, and the product of its scales and averages."""
    shapes = projection_shapes(projection, source)
    stages: list[_Stage] = []
    scale = 1.0
    for index, op in enumerate(projection.ops):
        shape, key = shapes[index], projection.weight_key(index)
        match op:
            case Conv2d():
                stages.append(_conv(projection, op, shape, lambda key=key: weights[key]))
            case Conv1d():
                stages.append(_conv1d(op, shape, lambda key=key: weights[key]))
            case Linear():
                stages.append(_Dense(lambda key=key: weights[key]))
            case SumPool2d() | AvgPool2d():
                followed = any(
                    isinstance(later, Conv2d | Conv1d | Linear) for later in projection.ops[index + 1 :]
                )
                stages.append(_pool(projection, op, shape, followed))
                scale /= prod(op.kernel) if isinstance(op, AvgPool2d) else 1
            case Scale():
                scale *= op.factor
            case Flatten():
                stages += [_Flat(shape)] if len(shape) > 1 else []
            case Quantise():
                raise AssertionError("refused before")
            case _:
                assert_never(op)
    return stages, scale


def _conv(projection: Projection, op: Conv2d, shape: Shape, weight: Callable[[], Array]) -> _Conv:
    found = squared(op, shape)
    if found is None:
        raise InexpressibleError(
            Problem(
                f"projection {projection.name}",
                f"the kernel {op.kernel} is not square, and no zero padding makes it square "
                "(NIR infers a wrong shape for such kernels)",
                "use a square kernel, or sides that differ by an even number",
            )
        )
    wider, start = found
    dense = Conv2d(wider.out_channels, wider.kernel, wider.stride, wider.padding, wider.dilation)
    return _Conv(shape, dense, lambda: placed(op, weight(), dense, start, shape[0]), op.groups)


def _conv1d(op: Conv1d, shape: Shape, weight: Callable[[], Array]) -> _Conv1d:
    dense = replace(op, groups=1)
    flat, whole = op.in_two_axes, dense.in_two_axes

    def kernel() -> Array:
        return placed(flat, weight()[:, :, None], whole, (0, 0), shape[0])[:, :, 0]

    return _Conv1d(shape, dense, kernel, op.groups)


def _pool(projection: Projection, op: SumPool2d | AvgPool2d, shape: Shape, followed: bool) -> _Stage:
    """Keep a pool before weights if its window is a power of two (exact everywhere); else a diagonal."""
    window = prod(op.kernel)
    if followed and not any(op.padding) and window & (window - 1) == 0:
        return _Pool(op.kernel, op.stride)
    conv = Conv2d(shape[0], op.kernel, op.stride, op.padding, groups=shape[0])
    return _conv(projection, conv, shape, lambda: np.ones((shape[0], 1, *op.kernel), np.float32))


def _unit(projection: Projection, shape: Shape) -> _Conv | _Conv1d | _Dense:
    """Make the identity as weights: a 1x1 convolution on maps, a matrix on vectors."""
    match len(shape):
        case 3:
            return _Conv(shape, Conv2d(shape[0], (1, 1)), lambda: diagonal(shape[0], (1, 1)), shape[0])
        case 2:
            kernel = Conv1d(shape[0], 1)
            return _Conv1d(shape, kernel, lambda: diagonal(shape[0], (1, 1))[:, :, 0], shape[0])
        case 1:
            return _Dense(lambda: diagonal(shape[0], (1, 1))[:, :, 0, 0])
        case _:
            raise InexpressibleError(
                Problem(
                    f"projection {projection.name}",
                    f"it needs weights on a signal of shape {shape}, and NIR has them for [N], [C, L] and "
                    "[C, H, W]",
                    "reshape the input to one of these",
                )
            )
