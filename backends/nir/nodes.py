"""The nodes and edges of a NIR file, with their arrays made only while they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Array
from msc.ir.ops import Conv1d, Conv2d, Pair, Shape

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """One NIR node: its type, its fields as NIR's file has them, and notes for a human reader.

    `fields` is a function, so that large scaled or padded weights exist only while they are needed.
    """

    kind: str
    fields: Callable[[], Fields]
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        """Make the dictionary that NIR writes for this node."""
        return {"type": self.kind, **self.fields(), "metadata": dict(self.metadata)}


@dataclass(frozen=True)
class Graph:
    """A NIR graph: nodes by name, edges in a fixed order, and notes for a human reader."""

    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


def scaled(weight: NDArray[Any], factor: float) -> Array:
    """Multiply by the factor and round once to float32, -0 to 0 (the array itself where the factor is 1)."""
    if factor == 1:
        return weight.astype(np.float32, copy=False)
    product = np.empty(weight.shape, np.float32)
    np.multiply(weight, np.float64(factor), out=product, dtype=np.float64, casting="same_kind")
    product += 0.0  # the zeros between the blocks of a grouped kernel are 0 however often they are written
    return product


def conv_node(
    op: Conv2d, shape: Shape, weight: Callable[[], Array], bias: Array | None, notes: Fields
) -> Node:
    """Make a Conv2d node over maps of `shape`; `op` is square and has one group."""

    def fields() -> Fields:
        return {
            "input_shape": _pair(shape[1:]),
            "weight": weight(),
            "stride": op.stride,
            "padding": op.padding,
            "dilation": op.dilation,
            "groups": 1,
            "bias": np.zeros(op.out_channels, np.float32) if bias is None else bias,
        }

    return Node("Conv2d", fields, dict(notes))


def conv1d_node(
    op: Conv1d, shape: Shape, weight: Callable[[], Array], bias: Array | None, notes: Fields
) -> Node:
    """Make a Conv1d node over signals of `shape`, [C, L]; `op` has one group."""

    def fields() -> Fields:
        return {
            "input_shape": shape[1],
            "weight": weight(),
            "stride": op.stride,
            "padding": op.padding,
            "dilation": op.dilation,
            "groups": 1,
            "bias": np.zeros(op.out_channels, np.float32) if bias is None else bias,
        }

    return Node("Conv1d", fields, dict(notes))


def dense_node(weight: Callable[[], Array], bias: Array | None, notes: Fields) -> Node:
    """Make a Linear node, or an Affine node where there is a bias."""
    if bias is None:
        return Node("Linear", lambda: {"weight": weight()}, dict(notes))
    return Node("Affine", lambda: {"weight": weight(), "bias": bias}, dict(notes))


def sum_pool_node(kernel: Pair, stride: Pair, notes: Fields) -> Node:
    """Make a SumPool2d node without padding."""
    fields = {"kernel_size": np.array(kernel), "stride": np.array(stride), "padding": np.array((0, 0))}
    return Node("SumPool2d", lambda: fields, dict(notes))


def flatten_node(shape: Shape, notes: Fields) -> Node:
    """Make a Flatten node over all axes, counted from the back so that a batch axis is left alone."""
    fields = {"input_type": np.array(shape), "start_dim": -len(shape), "end_dim": -1}
    return Node("Flatten", lambda: fields, dict(notes))


def end_node(kind: str, shape: Shape, notes: Fields) -> Node:
    """Make the Input or the Output node."""
    return Node(kind, lambda: {"shape": np.array(shape)}, dict(notes))


def _pair(values: Shape) -> Pair:
    height, width = values
    return height, width
