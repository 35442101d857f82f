"""Merges parallel projections between the same two populations into one kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from msc.compiler.contracts import NO_OPTIONS, Exactness, Options, PassResult, Property
from msc.ir.network import Array, Model, Projection, Sign
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Pair, Shape, output_shape
from msc.ir.shapes import population_shapes

Piece: TypeAlias = tuple[Conv2d, Array]


@dataclass(frozen=True)
class MergeParallel:
    """W1 x + W2 x = (W1 + W2) x, smaller kernels centred in the largest; the identity is a 1x1 kernel.

    Applies to projections of one source, target and delay that are each an identity or one ungrouped
    Conv2d of the same stride, or one (flattened) Linear. Rounded: sums of weights are rounded to float32.
    """

    name: str = "merge_parallel"
    exactness: Exactness = Exactness.ROUNDED
    requires: frozenset[Property] = frozenset({Property.NORMS_FOLDED, Property.POOLS_FOLDED})
    promises: frozenset[Property] = frozenset({Property.PARALLEL_MERGED})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Merge every group of parallel projections that fits one kernel."""
        shapes = population_shapes(model.network)
        weights = dict(model.weights)
        projections = list(model.network.projections)
        changes: list[str] = []
        index = 0
        while index < len(projections):
            first = projections[index]
            for other in projections[index + 1 :]:
                if (other.source, other.target, other.delay) != (first.source, first.target, first.delay):
                    continue
                merged = _merge(first, other, shapes[first.source], weights)
                if merged is not None:
                    changes.append(f"{other.name}: merged into {first.name}")
                    first = projections[index] = merged
                    projections.remove(other)
            index += 1
        return PassResult(Model(model.network.with_projections(tuple(projections)), weights), tuple(changes))


def _merge(
    first: Projection, other: Projection, shape: Shape, weights: dict[str, Array]
) -> Projection | None:
    """Merge two projections, replacing their weights; None (weights untouched) where they do not fit."""
    if first.norm is not None or other.norm is not None:
        return None
    summed = _sum_linear(first, other, shape, weights) if _is_vector(first, shape) else None
    if summed is None:
        summed = _sum_convs(first, other, shape, weights)
    if summed is None:
        return None
    ops, weight = summed
    for projection in (first, other):
        for i in range(len(projection.ops)):
            weights.pop(projection.weight_key(i), None)
    merged = replace(first, ops=ops, sign=first.sign if first.sign is other.sign else Sign.FREE)
    weights[merged.weight_key(len(ops) - 1)] = weight
    return merged


def _is_vector(projection: Projection, shape: Shape) -> bool:
    return len(shape) == 1 or bool(projection.ops and isinstance(projection.ops[0], Flatten))


def _sum_linear(
    first: Projection, other: Projection, shape: Shape, weights: dict[str, Array]
) -> tuple[tuple[Op, ...], Array] | None:
    """Add two (flattened) Linear maps, or a Linear and an identity on a vector."""
    matrices: list[Array] = []
    longest = first.ops if len(first.ops) >= len(other.ops) else other.ops
    for projection in (first, other):
        match projection.ops:
            case (Linear(),) | (Flatten(), Linear()):
                matrices.append(weights[projection.weight_key(len(projection.ops) - 1)])
            case () if len(shape) == 1:
                matrices.append(np.eye(shape[0], dtype=np.float32))
            case _:
                return None
    if not longest:
        longest = (Linear(shape[0]),)
    return longest, matrices[0] + matrices[1]


def _sum_convs(
    first: Projection, other: Projection, shape: Shape, weights: dict[str, Array]
) -> tuple[tuple[Op, ...], Array] | None:
    """Add two convolutions (identities count as 1x1), each centred in a kernel that holds both."""
    pieces: list[Piece] = []
    for projection in (first, other):
        piece = _as_conv(projection, shape, weights)
        if piece is None:
            return None
        pieces.append(piece)
    (a, a_weight), (b, b_weight) = pieces
    if a.stride != b.stride or not _same_grid(a, b):
        return None
    padding = _largest(a.padding, b.padding)
    beyond = _largest(_beyond(a), _beyond(b))
    dilation = a.dilation if a.kernel != (1, 1) else b.dilation
    kernel = (
        (padding[0] + beyond[0]) // dilation[0] + 1,
        (padding[1] + beyond[1]) // dilation[1] + 1,
    )
    merged = Conv2d(a.out_channels, kernel, a.stride, padding, dilation)
    if output_shape(merged, shape) != output_shape(a, shape):
        return None
    weight = np.zeros((a.out_channels, shape[0], *kernel), np.float32)
    for conv, values in ((a, a_weight), (b, b_weight)):
        top, left = ((padding[i] - conv.padding[i]) // dilation[i] for i in (0, 1))
        weight[:, :, top : top + conv.kernel[0], left : left + conv.kernel[1]] += values
    return (merged,), weight


def _as_conv(projection: Projection, shape: Shape, weights: dict[str, Array]) -> Piece | None:
    match projection.ops:
        case () if len(shape) == 3:
            channels = shape[0]
            return Conv2d(channels, (1, 1)), np.eye(channels, dtype=np.float32).reshape(
                channels, channels, 1, 1
            )
        case (Conv2d(groups=1) as conv,):
            return conv, weights[projection.weight_key(0)]
        case _:
            return None


def _same_grid(a: Conv2d, b: Conv2d) -> bool:
    """Whether both kernels' cells lie on one lattice, so that one kernel can hold both."""
    single = a.kernel == (1, 1) or b.kernel == (1, 1)
    if not single and a.dilation != b.dilation:
        return False
    dilation = a.dilation if a.kernel != (1, 1) else b.dilation
    return all((a.padding[i] - b.padding[i]) % dilation[i] == 0 for i in (0, 1))


def _beyond(conv: Conv2d) -> Pair:
    """How far the kernel reaches to the right and below the cell it is centred on."""
    return tuple(conv.dilation[i] * (conv.kernel[i] - 1) - conv.padding[i] for i in (0, 1))  # type: ignore[return-value]


def _largest(a: Pair, b: Pair) -> Pair:
    return max(a[0], b[0]), max(a[1], b[1])


PASS = MergeParallel()
