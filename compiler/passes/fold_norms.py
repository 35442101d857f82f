"""Folds each projection's norm into its weights and its target's bias."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import NO_OPTIONS, Exactness, Options, PassResult, Property
from msc.ir.network import Array, Model, Network, NormKind, Population, Projection, Weights
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Linear, Op, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes, projection_shapes

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class FoldNorms:
    """norm(W x) = g (W x - m) = (g W) x - g m,  g = gamma / sqrt(var + eps),  m = mean (0 for scale).

    g W goes into the last weights of the projection, -g m into the target's bias: a constant current,
    delayed or not. Rounded: the products are rounded to float32; the largest relative error is reported.
    """

    name: str = "fold_norms"
    exactness: Exactness = Exactness.ROUNDED
    requires: frozenset[Property] = frozenset()
    promises: frozenset[Property] = frozenset({Property.NORMS_FOLDED})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Fold every norm; a model without norms is returned unchanged."""
        normed = [p for p in model.network.projections if p.norm is not None]
        if not normed:
            return PassResult(model)
        shapes = population_shapes(model.network)
        weights = dict(model.weights)
        offsets: dict[str, Floats] = {}
        folded: dict[str, Projection] = {}
        worst = 0.0
        for projection in normed:
            channels = shapes[projection.target][0]
            gain, shift = _gain_and_shift(projection, weights)
            offsets[projection.target] = offsets.get(projection.target, np.zeros(channels)) + shift
            shape = projection_shapes(projection, shapes[projection.source])[-1]
            folded[projection.name], error = _scale_rows(projection, gain, shape, weights)
            worst = max(worst, error)
        populations = tuple(
            _shift_bias(p, offsets[p.name], weights) if p.name in offsets else p
            for p in model.network.populations
        )
        network = Network(
            populations,
            tuple(folded.get(p.name, p) for p in model.network.projections),
            model.network.output,
            model.network.timesteps,
        )
        changes = tuple(f"{p.name}: {p.norm.kind.value} norm folded" for p in normed if p.norm)
        return PassResult(Model(network, weights), changes, {"largest_relative_weight_error": worst})


def _gain_and_shift(projection: Projection, weights: Weights) -> tuple[Floats, Floats]:
    """Compute g and -g m per channel, in float64."""
    assert projection.norm is not None

    def parameter(name: str) -> Floats:
        return weights[projection.norm_key(name)].astype(np.float64)

    gain = parameter("gamma") / np.sqrt(parameter("var") + projection.norm.eps)
    if projection.norm.kind is NormKind.SCALE:
        return gain, np.zeros_like(gain)
    return gain, -gain * parameter("mean")


def _scale_rows(
    projection: Projection, gain: Floats, shape: Shape, weights: dict[str, Array]
) -> tuple[Projection, float]:
    """Scale the output channels of the last weights by `gain`; without weights, append a diagonal map."""
    for parameter in ("gamma", "mean", "var"):
        weights.pop(projection.norm_key(parameter), None)
    index = _last_scalable(projection.ops)
    if index is not None:
        key = projection.weight_key(index)
        weights[key], error = _scaled(weights[key], gain)
        return replace(projection, norm=None), error
    values = gain.astype(np.float32)
    diagonal, weight = _diagonal(values, len(shape))
    ops = (*projection.ops, diagonal)
    weights[projection.weight_key(len(ops) - 1)] = weight
    return replace(projection, ops=ops, norm=None), _relative_error(values, gain)


def _diagonal(gain: Array, rank: int) -> tuple[Op, Array]:
    """Make the op, with its weight, that multiplies each channel of values with `rank` axes."""
    match rank:
        case 1:
            return Linear(len(gain)), np.diag(gain)
        case 2:
            return Conv1d(len(gain), 1, groups=len(gain)), gain.reshape(-1, 1, 1)
        case _:
            return Conv2d(len(gain), (1, 1), groups=len(gain)), gain.reshape(-1, 1, 1, 1)


def _last_scalable(ops: tuple[Op, ...]) -> int | None:
    """Find the last op with weights whose output channels are still the projection's output channels."""
    for index in range(len(ops) - 1, -1, -1):
        match ops[index]:
            case Conv2d() | Conv1d() | Linear():
                return index
            case AvgPool2d() | SumPool2d() | Scale():
                continue
            case _:
                return None
    return None


def _scaled(weight: Array, gain: Floats) -> tuple[Array, float]:
    """Compute float32(gain * weight) channel by channel, so that no float64 copy of it all is made."""
    scaled = np.empty_like(weight)
    worst = 0.0
    for channel, factor in enumerate(gain):
        exact = weight[channel].astype(np.float64) * factor
        scaled[channel] = exact
        worst = max(worst, _relative_error(scaled[channel], exact))
    return scaled, worst


def _relative_error(rounded: Array, exact: Floats) -> float:
    largest = float(np.abs(exact).max(initial=0.0))
    return float(np.abs(rounded - exact).max(initial=0.0)) / largest if largest else 0.0


def _shift_bias(population: Population, offset: Floats, weights: dict[str, Array]) -> Population:
    """Add `offset` to a population's bias, giving it one where it had none."""
    if not population.bias and not offset.any():
        return population
    bias = weights[population.bias_key].astype(np.float64) if population.bias else 0.0
    weights[population.bias_key] = (bias + offset).astype(np.float32)
    return replace(population, bias=True)


PASS = FoldNorms()
