"""The closed union of maps, without bias, that a projection chains: linear but for a source's quantiser."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias, assert_never

from msc.ir.neurons import as_float32

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Conv2d:
    """Cross-correlation over [C, H, W] with zero padding; weight [out_channels, C / groups, kh, kw]."""

    out_channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Conv1d:
    """Cross-correlation over [C, L] with zero padding; weight [out_channels, C / groups, kernel]."""

    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def in_two_axes(self) -> Conv2d:
        """The same map over [C, 1, L]."""
        return Conv2d(
            self.out_channels,
            (1, self.kernel),
            (1, self.stride),
            (0, self.padding),
            (1, self.dilation),
            self.groups,
        )


@dataclass(frozen=True)
class Linear:
    """y = W x on a vector [N]; weight [out_features, N]."""

    out_features: int


@dataclass(frozen=True)
class AvgPool2d:
    """Mean over each window, padding counted as zeros (torch's count_include_pad)."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True)
class SumPool2d:
    """Sum over each window, padding counted as zeros."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True)
class Flatten:
    """[C, H, W] to [C * H * W] in row-major order."""


@dataclass(frozen=True)
class Scale:
    """y = factor * x for one scalar factor (float32)."""

    factor: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", as_float32(float(self.factor)))


@dataclass(frozen=True)
class Quantise:
    """y = clip(rint(scale x), -limit, limit): analog values to integers, on projections from a source only.

    Ties go to the even integer; `scale` is a float32, the product is taken in float64. What a host does
    before values reach a fixed-point network.
    """

    scale: float
    limit: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", as_float32(float(self.scale)))


Op: TypeAlias = Conv2d | Conv1d | Linear | AvgPool2d | SumPool2d | Flatten | Scale | Quantise
Windowed: TypeAlias = Conv2d | AvgPool2d | SumPool2d


def output_shape(op: Op, shape: Shape) -> Shape:
    """Compute the shape `op` makes of `shape`.

    Raises ValueError, saying what is wrong in one phrase, where the op does not apply.
    """
    match op:
        case Conv2d():
            _require_rank(op, shape, 3)
            _require_groups(op, shape)
            return (op.out_channels, *_window_shape(op, shape, op.dilation))
        case Conv1d():
            channels, length = _require_rank(op, shape, 2)
            _require_groups(op, shape)
            window = _window_shape(op.in_two_axes, (channels, 1, length), (1, op.dilation))
            return (op.out_channels, window[1])
        case AvgPool2d() | SumPool2d():
            channels, *_ = _require_rank(op, shape, 3)
            return (channels, *_window_shape(op, shape, (1, 1)))
        case Linear():
            _require_rank(op, shape, 1)
            return (op.out_features,)
        case Flatten():
            return (prod(shape),)
        case Scale() | Quantise():
            return shape
        case _:
            assert_never(op)


def weight_shape(op: Op, shape: Shape) -> Shape | None:
    """Compute the shape of the op's weight for inputs of `shape`; None where it has no weight."""
    match op:
        case Conv2d():
            return (op.out_channels, shape[0] // op.groups, *op.kernel)
        case Conv1d():
            return (op.out_channels, shape[0] // op.groups, op.kernel)
        case Linear():
            return (op.out_features, shape[0])
        case AvgPool2d() | SumPool2d() | Flatten() | Scale() | Quantise():
            return None
        case _:
            assert_never(op)


def _require_rank(op: Op, shape: Shape, rank: int) -> Shape:
    if len(shape) != rank:
        raise ValueError(f"{type(op).__name__} needs {rank} axes, got shape {shape}")
    return shape


def _require_groups(op: Conv2d | Conv1d, shape: Shape) -> None:
    if op.groups < 1 or shape[0] % op.groups or op.out_channels % op.groups:
        raise ValueError(f"groups={op.groups} does not divide {shape[0]} -> {op.out_channels} channels")


def _window_shape(op: Windowed, shape: Shape, dilation: Pair) -> Pair:
    sizes = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 if s >= 1 else 0
        for n, k, s, p, d in zip(shape[1:], op.kernel, op.stride, op.padding, dilation, strict=True)
    )
    if min(sizes) < 1:
        raise ValueError(
            f"{type(op).__name__} of kernel {op.kernel}, stride {op.stride} does not fit shape {shape}"
        )
    return (sizes[0], sizes[1])
