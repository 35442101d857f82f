"""Folds pools and scales into the weights beside them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from msc.compiler.chains import Chain, Link, chain_of, names, with_chains
from msc.compiler.contracts import NO_OPTIONS, Exactness, Options, PassResult, Property
from msc.compiler.kernels import Kernel, Values, composed, fits_one_window, pulled_back, unit_kernel
from msc.ir.network import Model
from msc.ir.ops import (
    AvgPool2d,
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
from msc.ir.shapes import population_shapes


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
        folded: dict[str, Chain] = {}
        changes: list[str] = []
        for projection in model.network.projections:
            chain = chain_of(projection, model)
            shorter = fold_chain(chain, shapes[projection.source])
            if shorter is not chain:
                folded[projection.name] = shorter
                changes.append(f"{projection.name}: {names(chain)} became {names(shorter)}")
        if not changes:
            return PassResult(model)
        result, worst = with_chains(model, folded)
        return PassResult(result, tuple(changes), {"largest_relative_weight_error": worst})


def fold_chain(chain: Chain, shape: Shape) -> Chain:
    """Fold one chain of (op, weight) for inputs of `shape`; returns the same object where nothing folds.

    A chain that quantises is left alone, rounding is not linear.
    """
    if all(weight is None for _, weight in chain) or any(isinstance(op, Quantise) for op, _ in chain):
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
        joined = _joined(chain[i], chain[i + 1], shapes[i])
        if joined is not None:
            return (*chain[:i], joined, *chain[i + 2 :])
        (first, _), (second, _) = chain[i], chain[i + 1]
        if isinstance(first, SumPool2d) and isinstance(second, Flatten) and i + 2 < len(chain):
            third, matrix = chain[i + 2]
            if isinstance(third, Linear) and matrix is not None and not _exact_everywhere(first):
                conv, _ = unit_kernel(shapes[i][0], first)
                spread = pulled_back(matrix, conv, None, shapes[i])
                return (*chain[:i], (second, None), (third, spread), *chain[i + 3 :])
    return None


def _joined(first: Link, second: Link, shape: Shape) -> Link | None:
    """Make one convolution of a pool and a convolution in either order, where they are one."""
    pair = (first[0], second[0])
    if {type(op) for op in pair} != {Conv2d, SumPool2d}:
        return None
    kernels = [_as_conv(*first, shape[0])]
    kernels.append(_as_conv(*second, kernels[0][0].out_channels))
    fits = fits_one_window(kernels[0][0], kernels[1][0], shape)
    return composed(kernels[0], kernels[1]) if fits else None


def _as_conv(op: Op, weight: Values | None, channels: int) -> Kernel:
    if isinstance(op, SumPool2d):
        return unit_kernel(channels, op)
    assert isinstance(op, Conv2d)
    assert weight is not None
    return op, weight


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


PASS = FoldPooling()
