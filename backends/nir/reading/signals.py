"""The shapes of all signals of a flat NIR graph, and with them what every node does."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import TypeAlias

from msc.backends.nir.reading import neurons
from msc.backends.nir.reading.flattening import KNOWN, Flat, FlatEdge
from msc.backends.nir.reading.linear import Flattening, Late, Linearity, Passage, read_linear
from msc.backends.nir.reading.neurons import Neurons, read_neurons
from msc.backends.nir.reading.pieces import Piece, UnfitError, apply, flattens_all, takes
from msc.backends.nir.reading.values import LARGEST_SIGNAL, Fields
from msc.ir.errors import Problem
from msc.ir.ops import Shape

Parsed: TypeAlias = "Neurons | Linearity"


@dataclass
class Signals:
    """The shape that every node emits, the pieces of linear nodes, and neurons that no input reaches."""

    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    pieces: dict[str, Piece] = field(default_factory=dict[str, Piece])
    unreached: list[str] = field(default_factory=list[str])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])


def parse(flat: Flat, dt: float) -> tuple[dict[str, Parsed], list[Problem]]:
    """Read every node of a known type, telling what is wrong with all of them."""
    parsed: dict[str, Parsed] = {}
    problems: list[Problem] = []
    for name, node in flat.nodes.items():
        read = Fields(name, node, problems)
        if node.kind not in KNOWN:
            continue
        known = read_neurons(read, dt) if node.kind in neurons.KINDS else read_linear(read, dt)
        if known is not None:
            parsed[name] = known
    return parsed, problems


def trace(flat: Flat, parsed: Mapping[str, Parsed]) -> Signals:
    """Follow the input's shape through the graph.

    Where that does not fit, and input and output count a batch of 1 as an axis (as exporters that trace a
    module do), the shapes are read without it.
    """
    first = parsed.get(flat.source or "")
    if not isinstance(first, Passage) or first.shape is None:
        return Signals()
    found = _Tracing(flat, parsed, batched=False).run(first.shape)
    if found.problems and first.shape[0] == 1 and len(first.shape) > 1:
        unbatched = _Tracing(flat, parsed, batched=True).run(first.shape[1:])
        if not unbatched.problems:
            unbatched.notes.append(
                f"{flat.source}: its shape {list(first.shape)} counts a batch axis; only without it do the "
                "weights fit"
            )
            return unbatched
    return found


class _Tracing:
    """One walk through the graph: edges within a step first, then those that are one step late."""

    def __init__(self, flat: Flat, parsed: Mapping[str, Parsed], batched: bool) -> None:
        self._flat = flat
        self._parsed = parsed
        self._batched = batched
        self._out: dict[str, list[FlatEdge]] = {name: [] for name in flat.nodes}
        for edge in flat.edges:
            self._out[edge.source].append(edge)
        self._arrived: dict[str, tuple[Shape, str]] = {}
        self._ready: deque[FlatEdge] = deque()
        self._later: deque[FlatEdge] = deque()
        self._found = Signals()

    def run(self, shape: Shape) -> Signals:
        """Walk from the input, then from neurons that it does not reach and whose parameters have a shape."""
        assert self._flat.source is not None
        self._arrive(self._flat.source, shape, "")
        self._walk()
        if self._found.problems or self._flat.problems or len(self._parsed) < len(self._flat.nodes):
            return self._found  # what the input does not reach lies behind an offender
        for name, node in self._parsed.items():
            if isinstance(node, Neurons) and node.shape is not None and name not in self._arrived:
                self._found.unreached.append(name)
                self._arrive(name, node.shape, "")
                self._walk()
        for name in self._flat.nodes:
            if name not in self._arrived and not self._found.problems:
                self._found.problems.append(
                    Problem(
                        f"node {name}",
                        "the input does not reach it, and nothing tells its shape",
                        "connect the input to it, or give its parameters their full shape",
                    )
                )
        return self._found

    def _walk(self) -> None:
        while self._ready or self._later:
            edge = (self._ready or self._later).popleft()
            self._arrive(edge.target, self._found.shapes[edge.source], edge.source)

    def _arrive(self, name: str, shape: Shape, origin: str) -> None:
        if name in self._arrived:
            known, earlier = self._arrived[name]
            if known != shape:
                self._found.problems.append(
                    Problem(
                        f"node {name}",
                        f"{earlier or 'its own parameters'} brings shape {list(known)}, "
                        f"{origin} {list(shape)}",
                        "make all inputs of a node agree",
                    )
                )
            return
        self._arrived[name] = (shape, origin)
        node = self._parsed.get(name)
        if node is None:
            return
        try:
            self._found.shapes[name] = self._emitted(name, node, shape)
        except UnfitError as error:
            self._found.problems.append(Problem(f"node {name}", error.what, error.fix))
            return
        for edge in self._out[name]:
            (self._later if edge.late else self._ready).append(edge)

    def _emitted(self, name: str, node: Parsed, shape: Shape) -> Shape:
        """Return the shape that the node emits; raises UnfitError."""
        if self._batched:
            node = _without_batch(node, shape)
        if isinstance(node, Neurons):
            if node.shape not in (None, shape):
                assert node.shape is not None
                raise UnfitError(
                    f"its parameters have shape {list(node.shape)}, and {list(shape)} arrives",
                    "make the shapes agree",
                )
            return shape
        flat = isinstance(node, Flattening) and self._counts_batch(name, node, shape)
        if flat:
            self._found.notes.append(
                f"{name}: flattens all axes: it counts a batch axis, only so does what follows fit"
            )
        piece = apply(node, shape, flat)
        if prod(piece.shape) > LARGEST_SIGNAL:
            raise UnfitError(f"makes a signal of shape {list(piece.shape)}", "make the network smaller")
        self._found.pieces[name] = piece
        return piece.shape

    def _counts_batch(self, name: str, node: Flattening, shape: Shape) -> bool:
        """Whether a Flatten fits what follows only if it counts the batch as an axis."""
        if flattens_all(node, len(shape)) or not flattens_all(node, len(shape), batch=1):
            return False
        followers = [self._parsed.get(edge.target) for edge in self._out[name]]
        wanted = {f.shape if isinstance(f, Neurons) else takes(f) for f in followers if f is not None}
        return wanted - {None} == {(prod(shape),)}


def _without_batch(node: Parsed, shape: Shape) -> Parsed:
    """Drop the batch axis of a declared shape where one more axis of 1 leads it."""
    match node:
        case Neurons(shape=declared) | Passage(declared) | Late(shape=declared):
            return replace(node, shape=shape) if declared == (1, *shape) else node
        case Flattening(declared=declared):
            return replace(node, declared=shape) if declared == (1, *shape) else node
        case _:
            return node
