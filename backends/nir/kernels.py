"""Kernels as NIR can say them: one group, square, pools as dense diagonals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from msc.ir.network import Array
from msc.ir.ops import Conv2d, Pair, Shape, output_shape


def squared(op: Conv2d, shape: Shape) -> tuple[Conv2d, Pair] | None:
    """Pad a kernel with zeros to a square one that delivers the same map.

    Returns the new op and where the old kernel starts inside the new one; None where no symmetric
    padding of the map makes up for it. (NIR infers a wrong shape for kernels that are not square.)
    """
    size = max(op.kernel)
    rows, columns = (_stretched(op, shape, axis, size) for axis in (0, 1))
    if rows is None or columns is None:
        return None
    (top, pad_h, stride_h), (left, pad_w, stride_w) = rows, columns
    wider = replace(op, kernel=(size, size), padding=(pad_h, pad_w), stride=(stride_h, stride_w))
    return wider, (top, left)


def _stretched(op: Conv2d, shape: Shape, axis: int, size: int) -> tuple[int, int, int] | None:
    """Find the zeros before the kernel, the padding and the stride of one axis."""
    gap = size - op.kernel[axis]
    padding, stride, dilation = op.padding[axis], op.stride[axis], op.dilation[axis]
    count = output_shape(op, shape)[1 + axis]
    for before in sorted(range(gap + 1), key=lambda zeros: (abs(2 * zeros - gap), -zeros)):
        wider = padding + before * dilation
        span = shape[1 + axis] + 2 * wider - dilation * (size - 1) - 1
        if span >= 0 and span // stride + 1 == count:
            return before, wider, stride
        if span >= 0 and count == 1:
            return before, wider, span + 1
    return None


def placed(op: Conv2d, weight: Array, wider: Conv2d, start: Pair, channels: int) -> Array:
    """Write a (possibly grouped, not square) kernel into the dense square one."""
    if op.groups == 1 and op.kernel == wider.kernel:
        return weight
    dense = np.zeros((op.out_channels, channels, *wider.kernel), np.float32)
    rows = slice(start[0], start[0] + op.kernel[0])
    columns = slice(start[1], start[1] + op.kernel[1])
    inner, outer = channels // op.groups, op.out_channels // op.groups
    for group in range(op.groups):
        here = slice(group * outer, (group + 1) * outer)
        dense[here, group * inner : (group + 1) * inner, rows, columns] = weight[here]
    return dense


def diagonal(channels: int, kernel: Pair) -> Array:
    """Make the dense kernel that sums each channel's window on its own."""
    dense = np.zeros((channels, channels, *kernel), np.float32)
    every = np.arange(channels)
    dense[every, every] = 1
    return dense


def zero_conv(source: Shape, target: Shape) -> Conv2d:
    """Make a 1x1 convolution from maps of one shape to maps of any other (its weights are to be zero).

    Per axis, 1 <= n + 2 p - s (m - 1) <= s has a solution for all sizes n and m with s = 1 or s >= n / m.
    """
    axes = [_reach(n, m) for n, m in zip(source[1:], target[1:], strict=True)]
    (stride_h, pad_h), (stride_w, pad_w) = axes
    return Conv2d(target[0], (1, 1), (stride_h, stride_w), (pad_h, pad_w))


def _reach(size: int, wanted: int) -> Pair:
    """Find stride and padding with which a 1x1 kernel takes `size` to `wanted` places."""
    stride = 1 if wanted == size else max(2, -(-size // wanted))
    short = stride * (wanted - 1) - size + 1
    return stride, max(0, -(-short // 2))
