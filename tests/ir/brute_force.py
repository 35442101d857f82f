"""Synapses and synaptic events counted one by one in Python loops, written from the definition."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Projection, Weights
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import projection_shapes

Index = tuple[int, ...]


class Pairs:
    """The neurons that each neuron of a population is joined with; `weights` None: whatever they are."""

    def __init__(self, projection: Projection, source: Shape, weights: Weights | None) -> None:
        self._shapes = projection_shapes(projection, source)
        self._ops = projection.ops
        self._weights = [
            None if weights is None else weights.get(projection.weight_key(i)) for i in range(len(self._ops))
        ]
        self._structural = weights is None
        self._gamma = None if weights is None else weights.get(projection.norm_key("gamma"))
        self._found: dict[tuple[int, Index], frozenset[Index]] = {}

    def targets(self, source: Index) -> set[Index]:
        """Follow every path from one neuron."""
        reached = {source}
        for place in range(len(self._ops)):
            reached = {target for index in reached for target in self._through(place, index)}
        if self._gamma is not None:
            reached = {target for target in reached if self._gamma[target[0]] != 0}
        return reached

    def _through(self, place: int, index: Index) -> frozenset[Index]:
        key = (place, index)
        if key not in self._found:
            op, weight = self._ops[place], self._weights[place]
            read, made = self._shapes[place : place + 2]
            if isinstance(op, Scale):
                cut = op.factor == 0 and not self._structural
                self._found[key] = frozenset(() if cut else (index,))
            else:
                self._found[key] = frozenset(_joined(op, weight, index, read, made))
        return self._found[key]


def events(pairs: Pairs, emitted: NDArray[Any], delay: int) -> list[int]:
    """Count the synaptic events of each sample that are delivered within the steps of [T, B, *shape]."""
    steps, samples = emitted.shape[:2]
    counts = [0] * samples
    numbers: dict[Index, int] = {}
    for t, sample in product(range(max(steps - delay, 0)), range(samples)):
        for place in np.argwhere(emitted[t, sample]):
            index = tuple(int(i) for i in place)
            if index not in numbers:
                numbers[index] = len(pairs.targets(index))
            counts[sample] += numbers[index]
    return counts


def _joined(op: Op, weight: NDArray[Any] | None, index: Index, read: Shape, made: Shape) -> list[Index]:
    match op:
        case Conv2d():
            return _convolved(op, weight, index, read, made)
        case Conv1d():
            flat = op.in_two_axes
            wide = None if weight is None else weight[:, :, None]
            index, read, made = (index[0], 0, index[1]), (read[0], 1, read[1]), (made[0], 1, made[1])
            return [(d, v) for d, _, v in _convolved(flat, wide, index, read, made)]
        case AvgPool2d() | SumPool2d():
            c, y, x = index
            places = product(range(made[1]), range(made[2]))
            return [
                (c, v, u)
                for v, u in places
                if 0 <= y - (v * op.stride[0] - op.padding[0]) < op.kernel[0]
                and 0 <= x - (u * op.stride[1] - op.padding[1]) < op.kernel[1]
            ]
        case Linear():
            return [(d,) for d in range(made[0]) if weight is None or weight[d, index[0]] != 0]
        case Flatten():
            return [(int(np.ravel_multi_index(index, read)),)]
        case Quantise():
            return [index]
        case Scale():
            raise AssertionError("a scale joins what it does not cut")


def _convolved(
    op: Conv2d, weight: NDArray[Any] | None, index: Index, read: Shape, made: Shape
) -> list[Index]:
    """Find where each tap of each kernel takes an input; what falls outside the map is dropped."""
    c, y, x = index
    inputs, outputs = read[0] // op.groups, made[0] // op.groups
    found: list[Index] = []
    for k, n in product(range(op.kernel[0]), range(op.kernel[1])):
        row, off = divmod(y + op.padding[0] - k * op.dilation[0], op.stride[0])
        column, aside = divmod(x + op.padding[1] - n * op.dilation[1], op.stride[1])
        if off or aside or not (0 <= row < made[1] and 0 <= column < made[2]):
            continue
        for d in range(c // inputs * outputs, (c // inputs + 1) * outputs):
            if weight is None or weight[d, c % inputs, k, n] != 0:
                found.append((d, row, column))
    return found
