"""ONNX graphs in the making: nodes in order, tensors, and what all graphs of a file share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from msc.backends.onnx.naming import Names
from msc.ir.ops import Shape

Axes: TypeAlias = tuple[int | str, ...]

OPSET = 18
DOMAIN = "msc"
DOMAIN_VERSION = 1
IR_VERSION = 8  # the first with functions


@dataclass
class File:
    """What the graphs of one file share: names of values and of nodes, and functions by name."""

    values: Names
    nodes: Names = field(default_factory=lambda: Names(()))
    functions: dict[str, onnx.FunctionProto] = field(default_factory=dict[str, onnx.FunctionProto])


@dataclass
class Graph:
    """One graph: its nodes, each after those it reads, and its constant tensors by name.

    Tensors stand in the graph that uses them: ONNX Runtime lays out a convolution's weights for speed only
    where both are in one graph.
    """

    file: File
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict[str, onnx.TensorProto])
    declared: list[onnx.ValueInfoProto] = field(default_factory=list[onnx.ValueInfoProto])
    _constants: dict[tuple[str, Shape, bytes], str] = field(
        default_factory=dict[tuple[str, Shape, bytes], str]
    )

    def inside(self) -> Graph:
        """Start a graph for the inside of a node; it may read all values of this one."""
        return Graph(self.file)

    def claim(self, wanted: str, *endings: str) -> str:
        """Take a name for a value that is free in the whole file."""
        return self.file.values.claim(wanted, *endings)

    def tensor(self, name: str, values: NDArray[Any]) -> str:
        """Store a tensor under a name that was claimed before."""
        self.tensors[name] = onnx.numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def constant(self, values: NDArray[Any], wanted: str) -> str:
        """Return the name of a tensor with these values, stored once in this graph."""
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = self.tensor(self.claim(wanted), values)
        return self._constants[key]

    def sizes(self, values: Iterable[int]) -> str:
        """Return the name of a constant list of sizes, axes or places."""
        listed = tuple(values)
        return self.constant(np.array(listed, np.int64), "sizes." + "x".join(map(str, listed)))

    def integer(self, value: int) -> str:
        """Return the name of a constant integer."""
        return self.constant(np.array(value, np.int64), f"number.{value}")

    def node(self, kind: str, inputs: Sequence[str], wanted: str, doc: str = "", **attributes: Any) -> str:
        """Add a standard node with one output, under the name that is wanted or one like it."""
        return self.named(kind, inputs, self.claim(wanted), doc, **attributes)

    def named(self, kind: str, inputs: Sequence[str], value: str, doc: str = "", **attributes: Any) -> str:
        """Add a standard node with one output, under a name that was claimed before."""
        self._add(kind, inputs, [value], value, doc, attributes)
        return value

    def call(
        self,
        function: onnx.FunctionProto,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        attributes: Mapping[str, float],
        doc: str,
    ) -> None:
        """Add a node that calls one of msc's functions."""
        self.file.functions[function.name] = function
        self._add(function.name, inputs, outputs, name, doc, attributes).domain = DOMAIN

    def scan(
        self,
        name: str,
        states: Sequence[str],
        scanned: Mapping[str, int],
        outputs: Sequence[str],
        axis: int,
        body: onnx.GraphProto,
        doc: str,
    ) -> None:
        """Add a Scan: from initial states and values, each with the axis it is cut along, to all outputs.

        `outputs` are the last states, then the values put together along `axis`.
        """
        attributes = {
            "body": body,
            "num_scan_inputs": len(scanned),
            "scan_input_axes": list(scanned.values()),
            "scan_output_axes": [axis] * (len(outputs) - len(states)),
        }
        self._add("Scan", [*states, *scanned], outputs, name, doc, attributes)

    def declare(self, value: str, axes: Axes) -> None:
        """Say a value's shape, which viewers show."""
        self.declared.append(floats(value, axes))

    def finished(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Make the graph."""
        tensors = list(self.tensors.values())
        return onnx.helper.make_graph(self.nodes, name, inputs, outputs, tensors, value_info=self.declared)

    def _add(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        doc: str,
        attributes: Mapping[str, Any],
    ) -> onnx.NodeProto:
        node = onnx.helper.make_node(
            kind, inputs, outputs, self.file.nodes.claim(name), doc_string=doc or None, **attributes
        )
        self.nodes.append(node)
        return node


def floats(name: str, axes: Axes) -> onnx.ValueInfoProto:
    """Declare a float32 value; axes of unknown size have names."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(axes))


def integers(name: str, axes: Axes) -> onnx.ValueInfoProto:
    """Declare an int64 value."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, list(axes))
