"""NIR's linear nodes as a file has them, before a signal arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.values import Fields, in_steps
from msc.ir.network import Array
from msc.ir.ops import AvgPool2d, Shape, SumPool2d
from msc.ir.verify import MAX_DELAY

KINDS = ("Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Delay")
_DELAY_TOLERANCE = 1e-6  # float32 keeps a time to about 6e-8 of it


@dataclass(frozen=True)
class Dense:
    """Affine and Linear: y = W x + b."""

    weight: Array
    bias: Array | None


@dataclass(frozen=True)
class Convolution:
    """Conv1d and Conv2d; `padding` may be "same", `declared` are the sides that the file says arrive."""

    weight: Array
    bias: Array | None
    stride: Shape
    padding: Shape | str
    dilation: Shape
    groups: int
    declared: Shape | None


@dataclass(frozen=True)
class Pool:
    """SumPool2d and AvgPool2d."""

    op: SumPool2d | AvgPool2d


@dataclass(frozen=True)
class Scaling:
    """Scale: y = s x, elementwise."""

    values: NDArray[np.float32]


@dataclass(frozen=True)
class Flattening:
    """Flatten of the axes from `start` to `end`, both included; `declared` is the shape said to arrive."""

    start: int
    end: int
    declared: Shape | None


@dataclass(frozen=True)
class Late:
    """Delay by whole steps; `shape` is that of the array of delays (None: of one value)."""

    steps: int
    shape: Shape | None


@dataclass(frozen=True)
class Passage:
    """The input or output of a (sub)graph: y = x; `shape` is what the file declares."""

    shape: Shape | None


Linearity: TypeAlias = Dense | Convolution | Pool | Scaling | Flattening | Late | Passage


def read_linear(read: Fields, dt: float) -> Linearity | None:
    """Read a linear node; None, with problems told, where msc has no such map."""
    match read.node.kind:
        case "Affine" | "Linear":
            return _dense(read)
        case "Conv1d":
            return _convolution(read, 1)
        case "Conv2d":
            return _convolution(read, 2)
        case "SumPool2d" | "AvgPool2d":
            return _pool(read)
        case "Scale":
            values = read.floats("scale", range(9))
            return None if values is None else Scaling(values)
        case "Flatten":
            return _flattening(read)
        case "Delay":
            return _late(read, dt)
        case _:
            shape = read.shape("shape")
            return None if shape is None else Passage(shape)


def _dense(read: Fields) -> Dense | None:
    weight = read.floats("weight", (2,))
    bias, sound = _bias(read, weight, read.node.kind == "Affine")
    return Dense(weight, bias) if weight is not None and sound else None


def _bias(read: Fields, weight: Array | None, wanted: bool) -> tuple[Array | None, bool]:
    """Read a bias with one value for each of the weight's first axis; None where it is missing or zero."""
    if not wanted or not read.has("bias"):
        return None, True
    bias = read.floats("bias", (0, 1))
    if bias is None or weight is None:
        return None, False
    if bias.size not in (1, len(weight)):
        read.wrong(f"bias has {bias.size} values, the weight makes {len(weight)}", "give one for each")
        return None, False
    return (np.broadcast_to(bias, (len(weight),)) if bias.any() else None), True


def _convolution(read: Fields, axes: int) -> Convolution | None:
    weight = read.floats("weight", (axes + 2,))
    bias, sound = _bias(read, weight, True)
    stride = read.whole("stride", axes, 1, default=1)
    dilation = read.whole("dilation", axes, 1, default=1)
    groups = read.whole("groups", 1, 1, default=1)
    padding: Shape | str | None
    text = read.node.fields.get("padding")
    if not isinstance(text, str):
        padding = read.whole("padding", axes, 0, default=0)
    elif text in ("same", "valid"):
        padding = "same" if text == "same" else (0,) * axes
    else:
        read.wrong(f"padding is {text[:80]!r}", "give numbers, 'same' or 'valid'")
        padding = None
    declared = read.whole("input_shape", axes, 1) if read.has("input_shape") else None
    if weight is None or stride is None or dilation is None or groups is None or padding is None:
        return None
    if not sound or (read.has("input_shape") and declared is None):
        return None
    return Convolution(weight, bias, stride, padding, dilation, groups[0], declared)


def _pool(read: Fields) -> Pool | None:
    kernel = read.whole("kernel_size", 2, 1)
    stride = read.whole("stride", 2, 1) if read.has("stride") else kernel
    padding = read.whole("padding", 2, 0, default=0)
    if kernel is None or stride is None or padding is None:
        return None
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        read.wrong(f"padding {list(padding)} is more than half of the kernel {list(kernel)}", "pad less")
        return None
    kind = SumPool2d if read.node.kind == "SumPool2d" else AvgPool2d
    return Pool(kind((kernel[0], kernel[1]), (stride[0], stride[1]), (padding[0], padding[1])))


def _flattening(read: Fields) -> Flattening | None:
    start = read.whole("start_dim", 1, -9, default=1)
    end = read.whole("end_dim", 1, -9, default=-1)
    declared = read.shape("input_type") if read.has("input_type") else None
    if start is None or end is None or (read.has("input_type") and declared is None):
        return None
    return Flattening(start[0], end[0], declared)


def _late(read: Fields, dt: float) -> Late | None:
    seconds = read.uniform("delay")
    if seconds is None:
        return None
    steps = in_steps(seconds, False, dt)
    whole = round(steps) if abs(steps) < 1e9 else -1
    if whole < 0 or abs(steps - whole) > _DELAY_TOLERANCE * max(1, whole):
        read.wrong(
            f"a delay of {seconds:.9g} s is {steps:.9g} steps of {dt:.9g} s",
            "delay by a whole number of steps, or give another --dt",
        )
        return None
    if whole > MAX_DELAY:
        read.wrong(f"a delay of {whole} steps", f"delay by at most {MAX_DELAY}")
        return None
    values = read.numbers("delay")
    assert values is not None
    return Late(whole, values.shape if values.size > 1 else None)
