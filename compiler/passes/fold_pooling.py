"""Folds pools and scales into the weights beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import NO_OPTIONS, Exactness, Options, PassResult, Property
from msc.ir.network import Model, Projection
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Pair, Scale, Shape, SumPool2d, output_shape
from msc.ir.shapes import population_shapes

Floats: TypeAlias = NDArray[np.float64]
Link: TypeAlias = tuple[Op, NDArray[np.float32] | Floats | None]
Chain: TypeAlias = tuple[Link, ...]


@dataclass(frozen=True)
class FoldPooling:
    """W (a x) = (a W) x for scales; conv o pool and pool o conv are one convolution with a larger kernel.

    A pool before Flatten and Linear is spread over the Linear's columns, unless its window has a power of
    two of cells and no padding: such a sum is exact in float32 in every simulator, and folding it would
    multiply the weights. Where zero padding between the two maps makes them no single convolution, the
    pool stays. Rounded: exact but for scales that are no power of two.
    """

    name: str = "fold_pooling"
    exactness: Exactness = Exactness.ROUNDED
    requires: frozenset[Property] = frozenset({Property.NORMS_FOLDED})
    promises: frozenset[Property] = frozenset({Property.POOLS_FOLDED})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Fold what can be folded in every projection that has weights."""
        shapes = population_shapes(model.network)
        weights = dict(model.weights)
        projections: list[Projection] = []
        changes: list[str] = []
        worst = 0.0
        for projection in model.network.projections:
            chain = tuple((op, weights.get(projection.weight_key(i))) for i, op in enumerate(projection.ops))
            folded = fold_chain(chain, shapes[projection.source])
            projections.append(replace(projection, ops=tuple(op for op, _ in folded)))
            if folded is chain:
                continue
            changes.append(f"{projection.name}: {_names(chain)} became {_names(folded)}")
            for index in range(len(chain)):
                weights.pop(projection.weight_key(index), None)
            for index, (_, weight) in enumerate(folded):
                if weight is not None:
                    rounded = weight.astype(np.float32)
                    largest = float(np.abs(weight).max(initial=0.0)) or 1.0
                    worst = max(worst, float(np.abs(rounded - weight).max(initial=0.0)) / largest)
                    weights[projection.weight_key(index)] = rounded
        network = model.network.with_projections(tuple(projections))
        return PassResult(
            Model(network, weights),
            tuple(changes),
            {"largest_relative_weight_error": worst} if changes else {},
        )


def fold_chain(chain: Chain, shape: Shape) -> Chain:
    """Fold one chain of (op, weight) for inputs of `shape`; returns the same object where nothing folds."""
    if not any(weight is not None for _, weight in chain):
        return chain
    while True:
        shapes = [shape]
        for op, _ in chain:
            shapes.append(output_shape(op, shapes[-1]))
        folded = _fold_once(chain, shapes)
        if folded is None:
            return chain
        chain = folded


def _fold_once(chain: Chain, shapes: list[Shape]) -> Chain | None:
    """Apply the first rule that applies, or return None."""
    for i, (op, _) in enumerate(chain):
        if isinstance(op, Scale):
            return _scale_nearest(chain[:i] + chain[i + 1 :], op.factor)
        if isinstance(op, AvgPool2d):
            total = SumPool2d(op.kernel, op.stride, op.padding)
            return _scale_nearest((*chain[:i], (total, None), *chain[i + 1 :]), 1 / prod(op.kernel))
    for i in range(len(chain) - 1):
        (first, first_weight), (second, second_weight) = chain[i], chain[i + 1]
        if (
            isinstance(first, SumPool2d)
            and isinstance(second, Conv2d)
            and _is_one_window(first, second, shapes[i])
        ):
            assert second_weight is not None
            return (*chain[:i], _conv_after_pool(first, second, second_weight), *chain[i + 2 :])
        if isinstance(first, Conv2d) and isinstance(second, SumPool2d) and not any(second.padding):
            assert first_weight is not None
            return (*chain[:i], _pool_after_conv(first, first_weight, second), *chain[i + 2 :])
        if isinstance(first, SumPool2d) and isinstance(second, Flatten) and i + 2 < len(chain):
            third, matrix = chain[i + 2]
            if isinstance(third, Linear) and matrix is not None and not _exact_everywhere(first):
                spread = _spread(first, matrix, shapes[i], shapes[i + 1])
                return (*chain[:i], (second, None), (third, spread), *chain[i + 3 :])
    return None


def _scale_nearest(chain: Chain, factor: float) -> Chain:
    """Multiply the first weights of the chain by `factor` (all its maps are linear, so any would do)."""
    index = next(i for i, (_, weight) in enumerate(chain) if weight is not None)
    op, weight = chain[index]
    assert weight is not None
    return (*chain[:index], (op, weight.astype(np.float64) * factor), *chain[index + 1 :])


def _exact_everywhere(pool: SumPool2d) -> bool:
    """Whether simulators that sum by averaging (torch's LPPool2d) compute this pool exactly."""
    cells = prod(pool.kernel)
    return not any(pool.padding) and cells & (cells - 1) == 0


def _is_one_window(pool: SumPool2d, conv: Conv2d, shape: Shape) -> bool:
    """Whether the conv's zero padding lies where the pool would only see its own padding, on both sides."""
    pooled = output_shape(pool, shape)
    for axis in (0, 1):
        kernel, stride, padding = pool.kernel[axis], pool.stride[axis], pool.padding[axis]
        if conv.padding[axis] == 0:
            continue
        left_clear = kernel - stride - padding <= 0
        right_clear = pooled[axis + 1] * stride - padding >= shape[axis + 1]
        if not (left_clear and right_clear):
            return False
    return output_shape(_window_of(pool, conv), shape) == output_shape(conv, pooled)


def _window_of(pool: SumPool2d, conv: Conv2d) -> Conv2d:
    """Make the single convolution that computes conv after pool."""
    return Conv2d(
        conv.out_channels,
        _pair(lambda a: conv.dilation[a] * (conv.kernel[a] - 1) * pool.stride[a] + pool.kernel[a]),
        _pair(lambda a: pool.stride[a] * conv.stride[a]),
        _pair(lambda a: pool.padding[a] + conv.padding[a] * pool.stride[a]),
        groups=conv.groups,
    )


def _conv_after_pool(pool: SumPool2d, conv: Conv2d, weight: NDArray[np.float32] | Floats) -> Link:
    """Spread each kernel cell over the window it reads; overlapping windows add up."""
    window = _window_of(pool, conv)
    kernel = np.zeros((*weight.shape[:2], *window.kernel))
    for y, x in np.ndindex(*weight.shape[2:]):
        top, left = y * conv.dilation[0] * pool.stride[0], x * conv.dilation[1] * pool.stride[1]
        kernel[:, :, top : top + pool.kernel[0], left : left + pool.kernel[1]] += weight[
            :, :, y : y + 1, x : x + 1
        ]
    return window, kernel


def _pool_after_conv(conv: Conv2d, weight: NDArray[np.float32] | Floats, pool: SumPool2d) -> Link:
    """Sum shifted copies of the kernel, one for each cell of the pool's window."""
    window = Conv2d(
        conv.out_channels,
        _pair(lambda a: (pool.kernel[a] - 1) * conv.stride[a] + conv.dilation[a] * (conv.kernel[a] - 1) + 1),
        _pair(lambda a: conv.stride[a] * pool.stride[a]),
        conv.padding,
        groups=conv.groups,
    )
    reach = _pair(lambda a: conv.dilation[a] * (conv.kernel[a] - 1) + 1)
    kernel = np.zeros((*weight.shape[:2], *window.kernel))
    for y, x in np.ndindex(*pool.kernel):
        top, left = y * conv.stride[0], x * conv.stride[1]
        rows = slice(top, top + reach[0], conv.dilation[0])
        columns = slice(left, left + reach[1], conv.dilation[1])
        kernel[:, :, rows, columns] += weight
    return window, kernel


def _spread(pool: SumPool2d, matrix: NDArray[np.float32] | Floats, shape: Shape, pooled: Shape) -> Floats:
    """Give every cell of the unpooled map the columns of the windows that read it."""
    outputs = len(matrix)
    maps = matrix.reshape(outputs, *pooled)
    padded = np.zeros((outputs, shape[0], *(n + 2 * p for n, p in zip(shape[1:], pool.padding, strict=True))))
    for y, x in np.ndindex(*pooled[1:]):
        top, left = y * pool.stride[0], x * pool.stride[1]
        window = np.s_[:, :, top : top + pool.kernel[0], left : left + pool.kernel[1]]
        padded[window] += maps[:, :, y : y + 1, x : x + 1]
    (above, left), (height, width) = pool.padding, shape[1:]
    return padded[:, :, above : above + height, left : left + width].reshape(outputs, -1)


def _pair(of_axis: Callable[[int], int]) -> Pair:
    return of_axis(0), of_axis(1)


def _names(chain: Chain) -> str:
    return " > ".join(type(op).__name__ for op, _ in chain)


PASS = FoldPooling()
