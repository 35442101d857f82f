"""Counts of weights, multiply-accumulates and synapses, held against counting one by one."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest

from msc.ir.counts import count
from msc.ir.linear import apply_ops
from msc.ir.network import Projection
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Scale, Shape, SumPool2d, weight_shape
from msc.ir.shapes import projection_shapes

CHAINS: list[tuple[Shape, tuple[Op, ...]]] = [
    ((2, 5, 4), ()),
    ((2, 5, 4), (Conv2d(3, (3, 3), (1, 1), (1, 1)),)),
    ((2, 7, 6), (Conv2d(3, (5, 5), (4, 4), (2, 2)),)),
    ((1, 3, 3), (Conv2d(2, (5, 3), (2, 1), (2, 1)),)),
    ((2, 9, 9), (Conv2d(2, (3, 3), (1, 1), (2, 2), (2, 2)),)),
    ((4, 4, 4), (Conv2d(6, (3, 3), (1, 1), (1, 1), (1, 1), 2), Conv2d(4, (1, 1), groups=2))),
    ((2, 6, 5), (Conv2d(3, (3, 3), (1, 1), (1, 1)), AvgPool2d((2, 2), (2, 2)))),
    ((2, 9, 9), (Conv2d(2, (1, 1), (3, 3)), AvgPool2d((2, 2), (1, 1)))),
    ((3, 5, 5), (AvgPool2d((3, 3), (1, 1), (1, 1)),)),
    ((2, 5, 5), (AvgPool2d((2, 2), (2, 2)), Flatten(), Linear(7))),
    ((2, 4, 3), (SumPool2d((4, 3), (4, 3)), Scale(1 / 12), Flatten(), Linear(5))),
    ((6,), (Linear(4),)),
    ((6,), (Linear(4), Linear(3))),
    ((2, 2, 2), (Flatten(),)),
    ((4, 9), (Conv1d(6, 5, 2, 2, 1, 2), Conv1d(4, 3, 1, 2, 2))),
    ((3, 8), (Conv1d(2, 3, 3), Flatten(), Linear(4))),
    (
        (6, 4, 4),
        (Conv2d(6, (3, 3), (2, 2), (1, 1), (1, 1), 6), Conv2d(4, (1, 1), groups=2), Flatten(), Linear(3)),
    ),
]


@pytest.mark.parametrize(("source", "ops"), CHAINS, ids=str)
def test_synapses_are_the_pairs_that_an_impulse_shows(source: Shape, ops: tuple[Op, ...]) -> None:
    """With every weight 1, a spike of one neuron reaches exactly the neurons it has synapses on."""
    projection = Projection("p", "a", "b", ops)
    shapes = projection_shapes(projection, source)
    weights = {
        projection.weight_key(i): np.ones(shape, np.float32)
        for i, op in enumerate(ops)
        if (shape := weight_shape(op, shapes[i])) is not None
    }
    impulses = np.eye(prod(source)).reshape(-1, *source)
    counts = count(projection, source)
    assert counts.synapses == np.count_nonzero(apply_ops(projection, weights, impulses))
    assert counts.weights == sum(weight.size for weight in weights.values())


@pytest.mark.parametrize(("source", "ops"), CHAINS, ids=str)
def test_macs_are_counted_one_by_one(source: Shape, ops: tuple[Op, ...]) -> None:
    shapes = projection_shapes(Projection("p", "a", "b", ops), source)
    one_by_one = 0
    for op, read, made in zip(ops, shapes, shapes[1:], strict=False):
        match op:
            case Conv2d():
                inputs = [c for c in range(read[0]) if c * op.groups // read[0] == 0]  # those of one group
                one_by_one += sum(1 for _ in product(*map(range, made), *map(range, op.kernel), inputs))
            case Conv1d():
                inputs = [c for c in range(read[0]) if c * op.groups // read[0] == 0]
                one_by_one += sum(1 for _ in product(*map(range, made), range(op.kernel), inputs))
            case AvgPool2d() | SumPool2d():
                one_by_one += sum(1 for _ in product(*map(range, made), *map(range, op.kernel)))
            case Linear():
                one_by_one += sum(1 for _ in product(range(made[0]), range(read[0])))
            case Flatten() | Scale():
                pass
    assert count(Projection("p", "a", "b", ops), source).macs == one_by_one


def test_counts_worked_by_hand() -> None:
    """A 3x3 convolution on a 2x2 map: each output sees the whole map, five of its nine taps are outside."""
    counts = count(Projection("p", "a", "b", (Conv2d(2, (3, 3), (1, 1), (1, 1)),)), (1, 2, 2))
    assert (counts.weights, counts.macs, counts.synapses) == (18, 72, 32)


def test_a_long_line_is_counted_without_a_matrix() -> None:
    """A hundred thousand samples: pairs of positions would take 10 GB."""
    projection = Projection("p", "a", "b", (Conv1d(2, 3, padding=1), Conv1d(2, 5, padding=2, groups=2)))
    counts = count(projection, (1, 100_000))
    assert counts.synapses == 2 * (7 * 100_000 - 2 * (1 + 2 + 3))
    assert counts.macs == 2 * 3 * 100_000 + 2 * 5 * 100_000
