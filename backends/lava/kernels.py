"""The maps of projections on a whole batch, in the fastest arithmetic that holds their sums exactly.

Values lie as [*shape, B], samples last, so that one matrix product serves all of them and windows are
long runs of memory. Maps deliver units of the membrane: 64 for one unit of weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from msc.ir.errors import MscError
from msc.ir.linear import Floats, apply_ops
from msc.ir.network import Model, Projection
from msc.ir.ops import Conv2d, Flatten, Linear, Quantise, Scale, Shape
from msc.ir.step import WEIGHT_UNIT

FLOAT32_INTEGERS = 2.0**24  # float32 holds every integer up to here, whatever the order of summation
FLOAT64_INTEGERS = 2.0**53


class CannotEmulateError(MscError):
    """A model is no fixed-point network, or its sums leave the integers that float64 holds."""


@dataclass(frozen=True)
class Reach:
    """The most that a map can deliver to each target channel, upward and downward (both >= 0)."""

    high: Floats
    low: Floats


class Kernel(Protocol):
    """A projection's map for one size of batch."""

    reach: Reach

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Map [*shape, B] to the target's [*shape, B]; valid until the next map."""
        ...


class Workspace:
    """Memory that kernels use one after another."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.uint8]] = {}

    def view(self, role: str, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        """Lend an array of undefined values."""
        size = prod(shape) * np.dtype(dtype).itemsize
        buffer = self._buffers.get(role)
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[role] = np.empty(size, np.uint8)
        return buffer[:size].view(dtype).reshape(shape)


def make_kernel(
    projection: Projection, model: Model, source: Shape, batch: int, workspace: Workspace
) -> Kernel:
    """Choose the map of a projection from a population of shape `source`.

    Raises CannotEmulateError where sums of weights leave the integers that float64 holds.
    """
    quantise = projection.ops[0] if projection.ops and isinstance(projection.ops[0], Quantise) else None
    kernel = projection.ops[1:] if quantise else projection.ops
    key = projection.weight_key(len(projection.ops) - 1)
    match kernel:
        case ():
            core: Kernel = _Identity(quantise, source[0], workspace)
        case (Conv2d() as op,):
            matrix = _Matrix(projection.name, model.weights[key], quantise)
            core = _Convolution(op, matrix, source, batch, workspace)
        case (Linear(),) | (Flatten(), Linear()):
            core = _Dense(_Matrix(projection.name, model.weights[key], quantise), workspace)
        case _:
            return _Chain(projection, model, source)
    return core if quantise is None else _Quantised(quantise, core)


class _Matrix:
    """Weights in membrane units, a row per target channel, and how far their sums reach."""

    def __init__(self, name: str, weight: NDArray[np.float32], quantise: Quantise | None) -> None:
        rows = weight.reshape(len(weight), -1)
        high = np.maximum(rows, 0).sum(axis=1, dtype=np.float64)
        low = -np.minimum(rows, 0).sum(axis=1, dtype=np.float64)
        if quantise is not None:
            high = low = quantise.limit * (high + low)
        most = float(max(high.max(), low.max()))
        if not most * WEIGHT_UNIT < FLOAT64_INTEGERS:
            raise CannotEmulateError.of(
                f"projection {name}", f"has sums of weights up to {most:.3g}", "quantise the network"
            )
        self.dtype: type[Any] = np.float32 if most < FLOAT32_INTEGERS else np.float64
        self.rows = rows.astype(self.dtype) * self.dtype(WEIGHT_UNIT)
        self.reach = Reach(WEIGHT_UNIT * high, WEIGHT_UNIT * low)


class _Identity:
    """Delivers what the source emits."""

    def __init__(self, quantise: Quantise | None, channels: int, workspace: Workspace) -> None:
        limit = 1 if quantise is None else quantise.limit
        most = np.full(channels, float(WEIGHT_UNIT * limit))
        self.reach = Reach(most, 0 * most if quantise is None else most)
        self._dtype: type[Any] = np.float32 if limit < FLOAT32_INTEGERS else np.float64
        self._workspace = workspace

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        delivered = self._workspace.view("delivered", values.shape, self._dtype)
        delivered[...] = values
        delivered *= WEIGHT_UNIT
        return delivered


class _Dense:
    """A matrix on vectors, or on maps flattened in row-major order."""

    def __init__(self, matrix: _Matrix, workspace: Workspace) -> None:
        self.reach = matrix.reach
        self._matrix = matrix
        self._workspace = workspace

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        rows, dtype = self._matrix.rows, self._matrix.dtype
        columns = self._workspace.view("columns", values.shape, dtype)
        columns[...] = values
        delivered = self._workspace.view("delivered", (len(rows), values.shape[-1]), dtype)
        return np.matmul(rows, columns.reshape(rows.shape[1], -1), out=delivered)


class _Convolution:
    """A matrix per group on the windows of padded maps."""

    def __init__(self, op: Conv2d, matrix: _Matrix, source: Shape, batch: int, workspace: Workspace) -> None:
        self.reach = matrix.reach
        channels, height, width = source
        (top, left), (down, right) = op.padding, op.stride
        self._padded = np.zeros((channels, height + 2 * top, width + 2 * left, batch), matrix.dtype)
        self._inside = self._padded[:, top : top + height, left : left + width]
        span = tuple(d * (k - 1) + 1 for k, d in zip(op.kernel, op.dilation, strict=True))
        windows = sliding_window_view(self._padded, span, axis=(1, 2))
        windows = windows[:, ::down, ::right, :, :: op.dilation[0], :: op.dilation[1]]
        self._windows = windows.transpose(0, 4, 5, 1, 2, 3)
        self._matrices = matrix.rows.reshape(op.groups, op.out_channels // op.groups, -1)
        self._pointwise = op.kernel == op.stride == (1, 1)  # the windows are the maps
        self._workspace = workspace

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        self._inside[...] = values
        columns = self._padded
        if not self._pointwise:
            columns = self._workspace.view("columns", self._windows.shape, self._padded.dtype)
            columns[...] = self._windows
        groups, outer, inner = self._matrices.shape
        columns = columns.reshape(groups, inner, -1)
        shape = (groups, outer, columns.shape[2])
        delivered = self._workspace.view("delivered", shape, self._padded.dtype)
        np.matmul(self._matrices, columns, out=delivered)
        return delivered.reshape(groups * outer, *self._windows.shape[3:])


class _Quantised:
    """A kernel on analog values, which are made integers first."""

    def __init__(self, quantise: Quantise, kernel: Kernel) -> None:
        self.reach = kernel.reach
        self._quantise = quantise
        self._kernel = kernel

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        limit = self._quantise.limit
        return self._kernel(np.clip(np.rint(values * self._quantise.scale), -limit, limit))


class _Chain:
    """Any other chain, as the reference computes it; what it delivers must be integers."""

    def __init__(self, projection: Projection, model: Model, source: Shape) -> None:
        most = np.full(1, _most(projection) * WEIGHT_UNIT)
        self.reach = Reach(most, most)
        self._projection = projection
        self._model = model

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        by_sample = np.moveaxis(values, -1, 0).astype(np.float64)
        delivered = WEIGHT_UNIT * apply_ops(self._projection, self._model.weights, by_sample)
        if (delivered % 1 != 0).any():
            raise CannotEmulateError.of(
                f"projection {self._projection.name}",
                f"delivers values that are no multiples of 1/{WEIGHT_UNIT}",
                "quantise the network",
            )
        return np.moveaxis(delivered, 0, -1)


def _most(projection: Projection) -> float:
    """Bound what a chain delivers: by its last quantiser, where only factors follow."""
    most = 1.0
    for op in reversed(projection.ops):
        match op:
            case Scale():
                most *= abs(op.factor)
            case Quantise():
                return most * op.limit
            case _:
                break
    return float("inf")
