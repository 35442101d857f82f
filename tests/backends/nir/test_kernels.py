"""Kernels padded to squares, expanded groups and zero convolutions deliver what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.backends.nir.kernels import diagonal, placed, squared, zero_conv
from msc.ir.linear import apply_projection
from msc.ir.network import Projection
from msc.ir.ops import Conv2d, SumPool2d, output_shape

SMALL = st.integers(1, 4)
PAIR = st.tuples(SMALL, SMALL)


def delivered(op: Conv2d | SumPool2d, weight: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    weights = {} if weight is None else {"p/0/weight": weight}
    return apply_projection(Projection("p", "a", "b", (op,)), weights, x)


@given(
    kernel=PAIR,
    stride=PAIR,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=PAIR,
    groups=st.sampled_from([1, 2]),
    sides=st.tuples(st.integers(4, 9), st.integers(4, 9)),
)
def test_a_square_kernel_delivers_the_same_map(kernel, stride, padding, dilation, groups, sides) -> None:
    op = Conv2d(4, kernel, stride, padding, dilation, groups)
    shape = (2, *sides)
    try:
        expected_shape = output_shape(op, shape)
    except ValueError:
        return
    found = squared(op, shape)
    if found is None:
        assert (kernel[0] - kernel[1]) % 2, "only an odd difference of sides can be impossible"
        return
    wider, start = found
    dense = Conv2d(4, wider.kernel, wider.stride, wider.padding, wider.dilation)
    rng = np.random.default_rng(0)
    weight = rng.integers(-5, 6, (4, 2 // groups, *kernel)).astype(np.float32)
    x = rng.integers(0, 2, (2, *shape)).astype(np.float64)
    assert wider.kernel[0] == wider.kernel[1]
    assert output_shape(dense, shape) == expected_shape
    square = placed(op, weight, dense, start, 2)
    np.testing.assert_array_equal(delivered(dense, square, x), delivered(op, weight, x))


def test_an_even_and_an_odd_side_without_slack_are_refused() -> None:
    assert squared(Conv2d(1, (2, 3), (1, 1)), (1, 6, 6)) is None


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (3, 2)])
def test_a_diagonal_kernel_is_a_sum_pool(kernel) -> None:
    x = np.random.default_rng(1).random((2, 3, 6, 6))
    pool, conv = SumPool2d(kernel, (1, 1), (1, 1)), Conv2d(3, kernel, (1, 1), (1, 1))
    np.testing.assert_allclose(delivered(conv, diagonal(3, kernel), x), delivered(pool, None, x), rtol=1e-12)


@given(sizes=st.tuples(*[st.integers(1, 40)] * 4))
def test_a_zero_convolution_reaches_every_map_from_every_map(sizes) -> None:
    source, target = (3, sizes[0], sizes[1]), (5, sizes[2], sizes[3])
    assert output_shape(zero_conv(source, target), source) == target
