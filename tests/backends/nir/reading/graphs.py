"""NIR graphs for tests, and how they are read without a file between."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import nir
import numpy as np

from msc.backends.nir.reading.network import Imported, NirMeaningError, interpret
from msc.backends.nir.reading.raw import RawGraph, RawNode
from msc.ir.simulate import Trace, simulate
from tests.backends.nir.reading import interpreter

DT = 1e-4


def raw(graph: nir.NIRGraph) -> RawGraph:
    """What a file of the graph says: nodes in the order of names, numbers as arrays."""
    nodes = {name: _raw_node(graph.nodes[name]) for name in sorted(graph.nodes, key=str.encode)}
    return RawGraph(nodes, tuple((str(a), str(b)) for a, b in graph.edges), _values(graph.metadata))


def _raw_node(node: Any) -> RawNode | RawGraph:
    if isinstance(node, nir.NIRGraph):
        return raw(node)
    fields = node.to_dict()
    kind, metadata = fields.pop("type"), fields.pop("metadata")
    return RawNode(kind, _values(fields), _values(metadata))


def _values(found: Any) -> dict[str, Any]:
    return {
        key: value
        if isinstance(value, str)
        else _values(value)
        if isinstance(value, dict)
        else np.asarray(value)
        for key, value in found.items()
        if value is not None
    }


def read(graph: nir.NIRGraph, **options: Any) -> Imported:
    return interpret(raw(graph), **options)


def refused(graph: nir.NIRGraph | RawGraph, **options: Any) -> list[str]:
    """The offenders of a graph that is refused, one text each."""
    try:
        interpret(graph if isinstance(graph, RawGraph) else raw(graph), **options)
    except NirMeaningError as error:
        return [str(problem) for problem in error.problems]
    raise AssertionError("it was not refused")


def ends(shape_in: tuple[int, ...], shape_out: tuple[int, ...]) -> dict[str, Any]:
    return {
        "input": nir.Input({"input": np.array(shape_in)}),
        "output": nir.Output({"output": np.array(shape_out)}),
    }


def chain(shape_in: tuple[int, ...], shape_out: tuple[int, ...], **nodes: Any) -> nir.NIRGraph:
    """input -> the nodes in the order given -> output."""
    return wired(shape_in, shape_out, list(pairwise(("input", *nodes, "output"))), **nodes)


def wired(
    shape_in: tuple[int, ...], shape_out: tuple[int, ...], edges: list[tuple[str, str]], **nodes: Any
) -> nir.NIRGraph:
    return nir.NIRGraph({**ends(shape_in, shape_out), **nodes}, edges, type_check=False)


def lif(shape: tuple[int, ...], threshold: float = 0.5, tau: float = 2e-4, **other: float) -> nir.LIF:
    values = {"tau": tau, "r": 1.0, "v_leak": 0.0, "v_threshold": threshold, "v_reset": 0.0, **other}
    return nir.LIF(**{name: np.full(shape, value) for name, value in values.items()})


def affine(*shape: int, bias: bool = True, seed: int = 0) -> Any:
    """Small dyadic weights [out, in]."""
    rng = np.random.default_rng(seed)
    weight = (rng.integers(-4, 7, shape) / 8).astype(np.float32)
    return (
        nir.Affine(weight, (rng.integers(1, 4, shape[0]) / 8).astype(np.float32))
        if bias
        else nir.Linear(weight)
    )


def conv(
    channels: int, shape: tuple[int, int, int], size: int = 3, seed: int = 0, **other: Any
) -> nir.Conv2d:
    """A dyadic convolution that keeps the sides, with a bias."""
    rng = np.random.default_rng(seed)
    given = {"stride": 1, "padding": size // 2, "dilation": 1, "groups": 1, **other}
    weight = (rng.integers(-4, 7, (channels, shape[0] // given["groups"], size, size)) / 8).astype(np.float32)
    bias = (rng.integers(1, 4, channels) / 8).astype(np.float32)
    return nir.Conv2d(shape[1:], weight, bias=given.pop("bias", bias), **given)


def analog(shape: tuple[int, ...], steps: int = 8, batch: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.integers(-2, 7, (steps, batch, *shape)) / 4).astype(np.float32)


def check(graph: nir.NIRGraph, dt: float = DT, seed: int = 0) -> tuple[Imported, Trace]:
    """Compare the network that is read with the second interpreter, in every neuron and the output."""
    imported = read(graph, dt=dt)
    source = imported.model.network.source.neuron
    inputs = analog(source.shape, seed=seed)
    trace = simulate(imported.model, inputs)
    compare(graph, inputs, trace, dt)
    return imported, trace


def compare(graph: nir.NIRGraph, inputs: np.ndarray, trace: Trace, dt: float = DT) -> None:
    """Spikes must be equal; what an LI emits may differ by float64's rounding."""
    expected = interpreter.interpret(graph, inputs, dt)
    output = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Output))
    for name, values in expected.items():
        ours = (
            trace.outputs if name == output else trace.spikes.get(name if name[0].isalpha() else f"_{name}")
        )
        if ours is not None and ours.dtype == np.uint8:
            np.testing.assert_array_equal(values, ours, err_msg=name)
        elif ours is not None:
            np.testing.assert_allclose(values, ours, rtol=1e-9, atol=1e-9, err_msg=name)
