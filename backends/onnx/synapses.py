"""Projections as nodes: chains of linear maps on batches, biases where they cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np

from msc.backends.onnx.graphs import Graph
from msc.backends.onnx.naming import readable, weight_names
from msc.ir.network import Model, Population, Projection
from msc.ir.ops import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    Op,
    Quantise,
    Scale,
    Shape,
    SumPool2d,
    Windowed,
)
from msc.ir.shapes import population_shapes, projection_shapes


@dataclass(frozen=True)
class Synapses:
    """Adds the projections of a model to graphs; weights are stored beside the nodes that use them."""

    model: Model
    shapes: dict[str, Shape]
    names: dict[str, str]

    @classmethod
    def of(cls, model: Model) -> Synapses:
        """Prepare the projections of a model."""
        return cls(model, population_shapes(model.network), weight_names(model.network))

    def total(
        self,
        graph: Graph,
        population: Population,
        delivered: Sequence[tuple[Projection, str]],
        with_bias: bool = True,
    ) -> str:
        """Sum what projections make of the values [N, *source shape] that each reads: [N, *shape].

        The population's bias, if it has one and it is asked for, is added by the first projection whose
        last map has room for one, or else after the sum.
        """
        with_bias = with_bias and population.bias
        taker = next((p for p, _ in delivered if with_bias and _takes_bias(p)), None)
        total = ""
        for projection, values in delivered:
            part = self.deliver(graph, projection, values, population.bias_key if projection is taker else "")
            total = graph.node("Add", [total, part], f"{population.name}.sum") if total else part
        return self.biased(graph, population, total) if with_bias and taker is None else total

    def biased(self, graph: Graph, population: Population, current: str) -> str:
        """Add a population's bias, one per channel, to a current [.., *shape]."""
        bias = self._stored(graph, population.bias_key)
        rank = len(self.shapes[population.name])
        if rank > 1:
            axes = graph.sizes(range(1, rank))
            bias = graph.node("Unsqueeze", [bias, axes], f"{population.name}.bias.{rank}d")
        return graph.node("Add", [current, bias], f"{population.name}.biased")

    def deliver(self, graph: Graph, projection: Projection, values: str, bias: str = "") -> str:
        """Apply a projection's maps, and after the last one add the bias of that name among the weights."""
        shapes = projection_shapes(projection, self.shapes[projection.source])
        name = readable(projection.name)
        last = len(projection.ops) - 1
        for index, op in enumerate(projection.ops):
            keys = [projection.weight_key(index), *([bias] if bias and index == last else [])]
            stored = [self._stored(graph, key) for key in keys if key in self.names]
            doc = _told(projection) if index == last else ""
            wanted = name if index == last else f"{name}.{index}"
            values = _add_op(graph, op, shapes[index], [values, *stored], wanted, doc)
        return values

    def _stored(self, graph: Graph, key: str) -> str:
        return graph.tensor(self.names[key], self.model.weights[key])


def _takes_bias(projection: Projection) -> bool:
    return bool(projection.ops) and isinstance(projection.ops[-1], Conv2d | Conv1d | Linear)


def _told(projection: Projection) -> str:
    return f"{projection.sign.value}, delay {projection.delay}"


def _add_op(graph: Graph, op: Op, shape: Shape, inputs: list[str], name: str, doc: str) -> str:
    """Add one map of values [N, *shape]; `inputs` are the values, a weight and perhaps a bias."""
    match op:
        case Conv2d():
            return graph.node("Conv", inputs, name, doc, **_convolution(op))
        case Conv1d():
            # Along one axis ONNX wants what in_two_axes says of the second.
            along = {
                key: value[1::2] for key, value in _convolution(op.in_two_axes).items() if key != "group"
            }
            return graph.node("Conv", inputs, name, doc, **along, group=op.groups)
        case Linear():
            return graph.node("Gemm", inputs, name, doc, transB=1)
        case AvgPool2d():
            return graph.node("AveragePool", inputs, name, doc, **_window(op), count_include_pad=1)
        case SumPool2d():
            return _sum_pool(graph, op, shape, inputs[0], name, doc)
        case Flatten():
            return graph.node("Flatten", inputs, name, doc, axis=1)
        case Scale():
            factor = graph.constant(np.array(op.factor, np.float32), f"factor.{op.factor!r}")
            return graph.node("Mul", [*inputs, factor], name, doc)
        case Quantise():
            raise AssertionError("fixed-point networks are refused before")
        case _:
            assert_never(op)


def _window(op: Windowed) -> dict[str, Any]:
    """Write a window as ONNX does: all that is padded before, then all after."""
    return {"kernel_shape": op.kernel, "strides": op.stride, "pads": op.padding * 2}


def _convolution(op: Conv2d) -> dict[str, Any]:
    return {**_window(op), "dilations": op.dilation, "group": op.groups}


def _sum_pool(graph: Graph, op: SumPool2d, shape: Shape, values: str, name: str, doc: str) -> str:
    """Sum windows: the whole map at once, or by a depthwise convolution with ones, which is exact as well."""
    if op.kernel == shape[1:] and not any(op.padding):
        return graph.node("ReduceSum", [values, graph.sizes((2, 3))], name, doc, keepdims=1)
    size = (shape[0], 1, *op.kernel)
    ones = graph.constant(np.ones(size, np.float32), "ones." + "x".join(map(str, size)))
    pooled = Conv2d(shape[0], op.kernel, op.stride, op.padding, groups=shape[0])
    return graph.node("Conv", [values, ones], name, doc, **_convolution(pooled))
