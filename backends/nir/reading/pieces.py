"""What NIR's linear nodes do to the signals that arrive, in ops of msc."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.linear import (
    Convolution,
    Dense,
    Flattening,
    Late,
    Linearity,
    Passage,
    Pool,
    Scaling,
)
from msc.backends.nir.reading.values import compact
from msc.ir.network import Array
from msc.ir.ops import Conv1d, Conv2d, Flatten, Linear, Op, Scale, Shape, output_shape

Link: TypeAlias = tuple[Op, Array | None]
_LARGEST_DIAGONAL = 4096  # a matrix of 64 MiB


class UnfitError(ValueError):
    """A node cannot take the signal that arrives; the text is *what is wrong; what to do*."""

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}; {fix}")


@dataclass(frozen=True)
class Piece:
    """What a linear node does to the signal that arrives: its ops with their weights, then its bias.

    `bias` has one value per channel of `shape`, the shape that leaves; `delay` is in steps.
    """

    shape: Shape
    links: tuple[Link, ...] = ()
    bias: Array | None = None
    delay: int = 0


def apply(node: Linearity, shape: Shape, flat: bool = False) -> Piece:
    """Say what the node does to a signal of `shape`; raises UnfitError.

    `flat`: a Flatten that leaves more than one axis counts the batch as an axis, and flattens all others.
    """
    match node:
        case Dense(weight, bias):
            if shape != (weight.shape[1],):
                raise UnfitError(
                    f"its weight {list(weight.shape)} takes {weight.shape[1]} values, and a signal of shape "
                    f"{list(shape)} arrives",
                    "flatten it before, or give the weight its size",
                )
            return Piece((len(weight),), ((Linear(len(weight)), weight),), bias)
        case Convolution():
            return _convolve(node, shape)
        case Pool(op):
            return Piece(_leaves(op, shape), ((op, None),))
        case Scaling(values):
            return Piece(shape, _scaled(values, shape))
        case Flattening():
            return _flatten(node, shape, flat)
        case Late(steps, declared) if declared in (None, shape):
            return Piece(shape, delay=steps)
        case Passage(declared) if declared in (None, shape):
            return Piece(shape)
        case Late(shape=declared) | Passage(shape=declared):
            raise UnfitError(_declares(declared, shape), "make the shapes agree")
        case _:
            assert_never(node)


def takes(node: Linearity) -> Shape | None:
    """Return the shape that a node wants to arrive, where it says one of its own."""
    match node:
        case Dense(weight):
            return (weight.shape[1],)
        case Passage(shape) | Late(shape=shape):
            return shape
        case _:
            return None


def flattens_all(node: Flattening, rank: int, batch: int = 0) -> bool:
    """Whether all axes of a signal become one; `batch` is 1 where the node counts a batch axis first."""
    start = node.start - batch if node.start > 0 else node.start
    end = node.end - batch if node.end > 0 else node.end
    return start in (0, -rank) and end in (rank - 1, -1)


def _convolve(node: Convolution, shape: Shape) -> Piece:
    axes = len(node.stride)
    if len(shape) != axes + 1:
        raise UnfitError(f"a signal of shape {list(shape)} arrives, not of {axes + 1} axes", "reshape it")
    if node.declared is not None and node.declared != shape[1:]:
        raise UnfitError(_declares(node.declared, shape[1:]), "make the shapes agree")
    wanted = node.weight.shape[1] * node.groups
    if wanted != shape[0]:
        raise UnfitError(
            f"its weight {list(node.weight.shape)} with groups={node.groups} takes {wanted} channels, and "
            f"{shape[0]} arrive",
            "make the channels agree",
        )
    weight, padding = _padded(node)
    count, kernel = len(weight), weight.shape[2:]
    op: Conv1d | Conv2d
    if axes == 1:
        op = Conv1d(count, kernel[0], node.stride[0], padding[0], node.dilation[0], node.groups)
    else:
        sides, stride, pad, dilation = (
            (values[0], values[1]) for values in (kernel, node.stride, padding, node.dilation)
        )
        op = Conv2d(count, sides, stride, pad, dilation, node.groups)
    return Piece(_leaves(op, shape), ((op, weight),), node.bias)


def _padded(node: Convolution) -> tuple[Array, Shape]:
    """Turn padding "same" into numbers; a kernel of even size gets a row of zeros in front.

    "same" pads d (k - 1) in all, the odd one behind; with the zeros in front both sides pad k / 2.
    """
    if not isinstance(node.padding, str):
        return node.weight, node.padding
    if any(step != 1 for step in node.stride):
        raise UnfitError(f"padding 'same' with stride {list(node.stride)}", "give the padding in numbers")
    weight, padding = node.weight, list[int]()
    for axis, dilation in enumerate(node.dilation):
        size = weight.shape[axis + 2]
        total = dilation * (size - 1)
        if total % 2 and dilation > 1:
            raise UnfitError(
                f"padding 'same' of a kernel of {size} with dilation {dilation} is one more behind than in "
                "front",
                "use an odd kernel",
            )
        if total % 2:
            front = [(0, 0)] * weight.ndim
            front[axis + 2] = (1, 0)
            weight = np.pad(weight, front)
        padding.append((total + 1) // 2)
    return weight, tuple(padding)


def _scaled(values: NDArray[np.float32], shape: Shape) -> tuple[Link, ...]:
    """Make one factor, a factor per channel as a 1x1 convolution, or a diagonal matrix."""
    factor = float(values.flat[0])
    if (compact(values) == factor).all() and (values.size == 1 or values.shape == shape):
        return () if factor == 1 else ((Scale(factor), None),)
    if values.shape != shape:
        raise UnfitError(
            f"its scale has shape {list(values.shape)}, and {list(shape)} arrives", "make them agree"
        )
    if len(shape) == 1:
        if shape[0] > _LARGEST_DIAGONAL:
            raise UnfitError(
                f"it scales each of {shape[0]} values by its own factor",
                f"put the factors into weights: msc makes a diagonal of at most {_LARGEST_DIAGONAL}",
            )
        return ((Linear(shape[0]), np.diag(values)),)
    count = len(values)
    channels = values.reshape(count, -1)
    if values.ndim > 3 or (channels != channels[:, :1]).any():
        raise UnfitError(
            "its scale varies inside a channel", "msc has a factor for all or one per channel: use weights"
        )
    if values.ndim == 2:
        return ((Conv1d(count, 1, groups=count), channels[:, :1, None].copy()),)
    return ((Conv2d(count, (1, 1), groups=count), channels[:, :1, None, None].copy()),)


def _flatten(node: Flattening, shape: Shape, flat: bool) -> Piece:
    rank = len(shape)
    if node.declared is not None and node.declared != shape:
        raise UnfitError(_declares(node.declared, shape), "make the shapes agree")
    whole = (prod(shape),)
    if flat or flattens_all(node, rank):
        return Piece(whole, ((Flatten(), None),) if rank > 1 else ())
    start, end = (dim + rank if dim < 0 else dim for dim in (node.start, node.end))
    if not 0 <= start <= end < rank:
        raise UnfitError(f"it flattens axes {node.start} to {node.end} of {list(shape)}", "name axes it has")
    if start == end:
        return Piece(shape)
    left = (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])
    raise UnfitError(
        f"it makes {list(left)} of {list(shape)}, and msc flattens all axes or none",
        "flatten from axis 0 to -1",
    )


def _leaves(op: Op, shape: Shape) -> Shape:
    try:
        return output_shape(op, shape)
    except ValueError as error:
        raise UnfitError(str(error), "change it or the shape of the input") from error


def _declares(declared: Shape | None, shape: Shape) -> str:
    assert declared is not None
    return f"it declares shape {list(declared)}, and {list(shape)} arrives"
