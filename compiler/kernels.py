"""One kernel for two linear maps in a row: convolutions composed, matrices pulled back through windows."""

from __future__ import annotations

from math import gcd
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.ops import Conv2d, Pair, Shape, SumPool2d, output_shape

Floats: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[np.float32] | Floats
Kernel: TypeAlias = tuple[Conv2d, Values]


def unit_kernel(channels: int, pool: SumPool2d | None = None) -> Kernel:
    """Make the depthwise convolution of ones that sums a pool's windows; without a pool, the identity."""
    window = pool or SumPool2d((1, 1), (1, 1))
    conv = Conv2d(channels, window.kernel, window.stride, window.padding, groups=channels)
    return conv, np.ones((channels, 1, *window.kernel))


def fits_one_window(first: Conv2d, second: Conv2d, shape: Shape) -> bool:
    """Whether second after first, on maps of `shape`, is one convolution.

    It is, unless the zeros that pad the map between them lie where the first would have read some input.
    """
    between = output_shape(first, shape)
    for axis in (0, 1):
        if second.padding[axis] == 0:
            continue
        stride, padding = first.stride[axis], first.padding[axis]
        left_clear = _reach(first, axis) - stride - padding <= 0
        right_clear = between[axis + 1] * stride - padding >= shape[axis + 1]
        if not (left_clear and right_clear):
            return False
    return output_shape(_window(first, second), shape) == output_shape(second, between)


def composed(first: Kernel, second: Kernel) -> Kernel:
    """Compute the single convolution that is second after first, where `fits_one_window` says so.

    K[o, i, d2 s1 y + d1 u] = sum over m, y, u of K2[o, m, y] K1[m, i, u]: each cell of the second is spread
    over what it reads of the input; overlapping ones add up.
    """
    (inner, inner_weight), (outer, outer_weight) = first, second
    window = _window(inner, outer)
    groups = window.groups
    inputs = inner_weight.shape[1] * inner.groups // groups
    kernel = np.zeros((outer.out_channels, inputs, *window.kernel))
    step = [inner.dilation[a] // window.dilation[a] if inner.kernel[a] > 1 else 1 for a in (0, 1)]
    for y, x in np.ndindex(*outer.kernel):
        part = _through(first, second, outer_weight[:, :, y, x], groups)
        top, left = (
            cell * outer.dilation[a] * inner.stride[a] // window.dilation[a] for a, cell in enumerate((y, x))
        )
        rows = slice(top, top + (inner.kernel[0] - 1) * step[0] + 1, step[0])
        columns = slice(left, left + (inner.kernel[1] - 1) * step[1] + 1, step[1])
        kernel[:, :, rows, columns] += part
    return window, kernel


def pulled_back(matrix: Values, conv: Conv2d, weight: Values | None, shape: Shape) -> Floats:
    """Compute the matrix, [rows, inputs], of a matrix after Flatten after a convolution on maps of `shape`.

    Each row is a map of the convolution's output; the convolution is applied to it transposed. Without
    `weight` the convolution is a depthwise one of ones.
    """
    rows, groups = len(matrix), conv.groups
    outputs = output_shape(conv, shape)
    maps = matrix.reshape(rows, groups, -1, *outputs[1:])
    pad_y, pad_x = conv.padding
    padded = np.zeros((rows, groups, shape[0] // groups, shape[1] + 2 * pad_y, shape[2] + 2 * pad_x))
    span = [(outputs[1 + a] - 1) * conv.stride[a] + 1 for a in (0, 1)]
    for y, x in np.ndindex(*conv.kernel):
        top, left = y * conv.dilation[0], x * conv.dilation[1]
        cells = np.s_[:, :, :, top : top + span[0] : conv.stride[0], left : left + span[1] : conv.stride[1]]
        if weight is None:
            padded[cells] += maps
        else:
            taps = weight[:, :, y, x].reshape(groups, -1, weight.shape[1]).astype(np.float64)
            padded[cells] += np.einsum("rgohw,goi->rgihw", maps, taps, optimize=True)
    return padded[..., pad_y : pad_y + shape[1], pad_x : pad_x + shape[2]].reshape(rows, -1)


def _reach(conv: Conv2d, axis: int) -> int:
    return conv.dilation[axis] * (conv.kernel[axis] - 1) + 1


def _window(first: Conv2d, second: Conv2d) -> Conv2d:
    """Make the convolution that computes second after first; dilated only where all cells lie on one grid."""
    sizes = [_axis(first, second, axis) for axis in (0, 1)]
    stride: Pair = (first.stride[0] * second.stride[0], first.stride[1] * second.stride[1])
    padding: Pair = (
        first.padding[0] + second.padding[0] * first.stride[0],
        first.padding[1] + second.padding[1] * first.stride[1],
    )
    return Conv2d(
        second.out_channels,
        (sizes[0][0], sizes[1][0]),
        stride,
        padding,
        (sizes[0][1], sizes[1][1]),
        gcd(first.groups, second.groups),
    )


def _axis(first: Conv2d, second: Conv2d, axis: int) -> Pair:
    """Compute size and dilation of the composed kernel along one axis."""
    inner, outer = first.kernel[axis], second.kernel[axis]
    spread = second.dilation[axis] * first.stride[axis]
    if inner == 1:
        return outer, spread
    if outer == 1:
        return inner, first.dilation[axis]
    return (outer - 1) * spread + _reach(first, axis), 1


def _through(first: Kernel, second: Kernel, cell: Values, groups: int) -> Floats:
    """Compute what one cell of the second kernel, [out, mid], makes of the first: [out, in, kh, kw].

    `groups` are those of the result. A depthwise kernel multiplies, others sum over the channels between.
    """
    (inner, inner_weight), (outer, _) = first, second
    size = inner.kernel
    middle = len(inner_weight)
    if inner_weight.shape[1] == 1 and inner.groups == middle:
        per_group = inner_weight.reshape(groups, 1, middle // groups, *size)
        part = _dense(cell, outer.groups, groups).reshape(groups, -1, middle // groups, 1, 1) * per_group
        return part.reshape(outer.out_channels, -1, *size)
    inner_dense = _dense(inner_weight.reshape(middle, inner_weight.shape[1], -1), inner.groups, groups)
    if cell.shape[1] == 1 and outer.groups == outer.out_channels == middle:
        return (cell[:, :, None] * inner_dense).reshape(middle, -1, *size)
    sums = _dense(cell, outer.groups, groups).reshape(groups, -1, middle // groups)
    return (sums @ inner_dense.reshape(groups, middle // groups, -1)).reshape(outer.out_channels, -1, *size)


def _dense(weight: Values, groups: int, fewer: int) -> Floats:
    """Write the weight [out, in / groups, ..] of a grouped map with `fewer` groups, zeros between."""
    if groups == fewer:
        return weight.astype(np.float64)
    outer, inner = weight.shape[0] // groups, weight.shape[1]
    joined = groups // fewer
    dense = np.zeros((fewer, joined, outer, joined, inner, *weight.shape[2:]))
    own = weight.reshape(fewer, joined, outer, inner, *weight.shape[2:])
    for index in range(joined):
        dense[:, index, :, index] = own[:, index]
    return dense.reshape(weight.shape[0], joined * inner, *weight.shape[2:])
