"""A second reading of NIR graphs, node by node in float64, that shares no code with the importer.

Per step: neurons by forward Euler, spikes where v > v_threshold, linear nodes by torch's functions; a node
with several inputs adds them up. Nodes are computed in the order of names from the input on, and around;
one that lacks an input waits, unless that input needs the node itself and it has others: then it reads that
input's value of the step before, 0 at first (what is read late has the shape of the graph's input).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import torch
from torch.nn import functional

Values = torch.Tensor
DT = 1e-4


def interpret(graph: nir.NIRGraph, inputs: np.ndarray, dt: float = DT) -> dict[str, np.ndarray]:
    """Run [T, B, *shape] through a graph; returns what its neurons and outputs emit, nested ones dotted."""
    level = _Level(graph, dt)
    recorded: dict[str, list[np.ndarray]] = {}
    for frame in inputs:
        level.step(torch.from_numpy(frame.astype(np.float64)))
        for name, values in level.emitted("").items():
            recorded.setdefault(name, []).append(values.numpy())
    return {name: np.stack(values) for name, values in recorded.items()}


class _Level:
    """One graph; its subgraphs are levels of their own."""

    def __init__(self, graph: nir.NIRGraph, dt: float) -> None:
        names = sorted(graph.nodes, key=str.encode)
        self.graph = graph
        self.inputs = {n: [s for s, t in graph.edges if t == n] for n in names}
        self.entry = next(n for n in names if isinstance(graph.nodes[n], nir.Input))
        self.exit = next(n for n in names if isinstance(graph.nodes[n], nir.Output))
        self.nodes: dict[str, Any] = {
            n: _Level(node, dt) if isinstance(node, nir.NIRGraph) else _Node(node, dt)
            for n, node in graph.nodes.items()
        }
        start = names.index(self.entry)
        self.names = names[start:] + names[:start]
        self.values: dict[str, Values] = {}
        self.held = {n for n in names if getattr(self.nodes[n], "holds", False)}

    @property
    def holds(self) -> bool:
        return not self._reaches(self.entry, self.exit)

    def _reaches(self, start: str, end: str) -> bool:
        """Whether something emitted in a step can matter to the other in the same step."""
        seen, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name == end:
                return True
            if name not in seen:
                seen.add(name)
                if name not in self.held:
                    waiting += [t for s, t in self.graph.edges if s == name]
        return False

    def step(self, frame: Values) -> Values:
        before, now = self.values, {self.entry: frame}
        for name in self.held:
            now[name] = self.nodes[name].release(frame)
        queue = [name for name in self.names if name != self.entry]
        while queue:
            name = queue.pop(0)
            sources = self.inputs[name]
            missing = [s for s in sources if s not in now]
            if missing and (
                len(sources) < 2 or any(not self._reaches(name, s) for s in missing) or name in self.held
            ):
                queue.append(name)
                continue
            parts = [now[s] if s in now else before.get(s, torch.zeros_like(frame)) for s in sources]
            arriving = sum(parts[1:], parts[0])
            if name in self.held:
                self.nodes[name].take(arriving)
            else:
                now[name] = self.nodes[name].step(arriving)
        self.values = now
        return now[self.exit]

    def take(self, arriving: Values) -> None:
        self.step(arriving)

    def release(self, like: Values) -> Values:
        """What will leave in this step, whatever arrives."""
        shape = [int(n) for n in self.graph.nodes[self.entry].input_type["input"]]
        return copy.deepcopy(self).step(torch.zeros([len(like), *shape], dtype=torch.float64))

    def emitted(self, prefix: str) -> dict[str, Values]:
        found: dict[str, Values] = {}
        for name, node in self.nodes.items():
            if isinstance(node, _Level):
                found |= node.emitted(f"{prefix}{name}.")
            elif node.spikes or name == self.exit:
                found[prefix + name] = self.values[name]
        return found


class _Node:
    def __init__(self, node: nir.NIRNode, dt: float) -> None:
        self.node = node
        self.kind = type(node).__name__
        self.spikes = self.kind in ("IF", "LIF", "CubaLIF", "LI")
        self.dt = dt
        self.v: Any = 0.0
        self.i: Any = 0.0
        delay = float(np.max(node.delay)) if self.kind == "Delay" else 0.0
        self.line: list[Values | None] = [None] * round(delay / dt)
        self.holds = bool(self.line)

    def _p(self, name: str) -> Values:
        return torch.from_numpy(np.asarray(getattr(self.node, name), np.float64))

    def _steps(self, name: str) -> Values:
        """A time in steps, in the precision that the file has."""
        return torch.from_numpy((getattr(self.node, name) / self.dt).astype(np.float64))

    def take(self, arriving: Values) -> None:
        self.line.append(arriving)

    def release(self, like: Values) -> Values:
        values = self.line.pop(0)
        return torch.zeros_like(like) if values is None else values

    def step(self, x: Values) -> Values:
        if not self.spikes:
            return _LINEAR[self.kind](self, x)
        steps = {n: self._steps(n) for n in ("tau", "tau_mem", "tau_syn") if hasattr(self.node, n)}
        if self.kind == "IF":
            self.v = self.v + self._p("r") * self.dt * x
        elif self.kind == "CubaLIF":
            self.i = self.i + (self._p("w_in") * x - self.i) / steps["tau_syn"]
            self.v = self.v + (self._p("v_leak") - self.v + self._p("r") * self.i) / steps["tau_mem"]
        else:
            self.v = self.v + (self._p("v_leak") - self.v + self._p("r") * x) / steps["tau"]
        if self.kind == "LI":
            return self.v
        fired = self.v > self._p("v_threshold")
        self.v = torch.where(fired, self._p("v_reset"), self.v)
        return fired.to(torch.float64)

    def dense(self, x: Values) -> Values:
        bias = self._p("bias") if self.kind == "Affine" else None
        return functional.linear(x, self._p("weight"), bias)

    def conv(self, x: Values) -> Values:
        op = functional.conv1d if self.kind == "Conv1d" else functional.conv2d
        node: Any = self.node
        padding = node.padding if isinstance(node.padding, str) else _plain(node.padding)
        return op(
            x,
            self._p("weight"),
            self._p("bias"),
            _plain(node.stride),
            padding,
            _plain(node.dilation),
            int(node.groups),
        )

    def pool(self, x: Values) -> Values:
        node: Any = self.node
        kernel = _plain(node.kernel_size)
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        mean = functional.avg_pool2d(x, kernel, _plain(node.stride), _plain(node.padding))
        return mean if self.kind == "AvgPool2d" else mean * float(np.prod(kernel))

    def flatten(self, x: Values) -> Values:
        node: Any = self.node
        start, end = (int(d) + 1 if d >= 0 else int(d) for d in (node.start_dim, node.end_dim))
        return x.flatten(start, end)


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return tuple(int(n) for n in array) if array.ndim else int(array)


_LINEAR: dict[str, Callable[[_Node, Values], Values]] = {
    "Affine": _Node.dense,
    "Linear": _Node.dense,
    "Conv1d": _Node.conv,
    "Conv2d": _Node.conv,
    "SumPool2d": _Node.pool,
    "AvgPool2d": _Node.pool,
    "Flatten": _Node.flatten,
    "Scale": lambda node, x: x * node._p("scale"),
    "Delay": lambda node, x: x,
    "Input": lambda node, x: x,
    "Output": lambda node, x: x,
}
