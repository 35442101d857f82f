"""Random NIR graphs of third parties: any names, branches, sums, subgraphs, delays, cycles."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

DT = 1e-4
CHANNELS, SIDE, LENGTH, WIDTH = 2, 4, 5, 6
NEURONS = (nir.IF, nir.LIF, nir.CubaLIF, nir.LI)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_graph(rng: np.random.Generator, delays: bool = True, nested: bool = True) -> nir.NIRGraph:
    """Draw a graph on maps, signals or vectors of one shape, with a head of another.

    Every cycle has a neuron. Names are drawn, so that their order has nothing to do with the wiring. Values
    are small multiples of powers of two: float64 holds all of them exactly.
    """
    shape = [(CHANNELS, SIDE, SIDE), (CHANNELS, LENGTH), (WIDTH,)][int(rng.integers(0, 3))]
    return _graph(rng, shape, int(rng.integers(3, 9)), delays, 2 if nested else 0, head=True)


def _graph(
    rng: np.random.Generator, shape: tuple[int, ...], size: int, delays: bool, depth: int, head: bool
) -> nir.NIRGraph:
    names = _names(rng, size + 6)
    entry = names.pop()
    nodes: dict[str, Any] = {entry: nir.Input({"input": np.array(shape)})}
    edges: set[tuple[str, str]] = set()
    made = [entry]
    for _ in range(size):
        name = names.pop()
        nodes[name] = _node(rng, shape, delays, depth)
        for source in rng.choice(made, min(len(made), int(rng.integers(1, 3))), replace=False):
            edges.add((str(source), name))
        made.append(name)
    inner = made[1:]
    for _ in range(int(rng.integers(0, 4))):
        early, late = (inner[place] for place in sorted(rng.integers(0, len(inner), 2)))
        if any(isinstance(nodes[name], NEURONS) for name in (early, late)):
            edges.add((late, early))
    last = made[-1]
    if head:
        last = _head(rng, shape, nodes, edges, names, last)
    exit_name = names.pop()
    leaving = tuple(nodes[last].output_type["output"]) if head else shape
    nodes[exit_name] = nir.Output({"output": np.array(leaving)})
    edges.add((last, exit_name))
    if not head and rng.random() < 0.3:
        edges.add((str(rng.choice(inner)), exit_name))
    listed = sorted(edges)
    rng.shuffle(listed)
    return nir.NIRGraph(nodes, [(str(a), str(b)) for a, b in listed], type_check=False)


def _names(rng: np.random.Generator, count: int) -> list[str]:
    drawn: list[str] = []
    while len(drawn) < count:
        name = "".join(rng.choice(list(LETTERS), 3))
        if rng.random() < 0.2:
            name = f"{rng.integers(0, 30)}.{name}"
        if name not in drawn:
            drawn.append(name)
    return drawn


def _head(rng: np.random.Generator, shape, nodes, edges, names: list[str], last: str) -> str:
    """Pool and flatten what is no vector, then a matrix, then perhaps a neuron."""
    chain: list[Any] = []
    if len(shape) == 3 and rng.random() < 0.5:
        kind = nir.AvgPool2d if rng.random() < 0.5 else nir.SumPool2d
        chain.append(kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])))
        shape = (shape[0], SIDE // 2, SIDE // 2)
    if len(shape) > 1:
        chain.append(nir.Flatten({"input": np.array(shape)}, 0, -1))
    width = int(np.prod(shape))
    chain.append(nir.Affine(_dyadic(rng, (3, width), 8), _dyadic(rng, (3,), 8)))
    if rng.random() < 0.8:
        chain.append(_neuron(rng, (3,)))
    for node in chain:
        name = names.pop()
        nodes[name] = node
        edges.add((last, name))
        last = name
    return last


def _dyadic(rng: np.random.Generator, shape: tuple[int, ...], over: int) -> np.ndarray:
    return (rng.integers(-4, 7, shape) / over).astype(np.float32)


def _node(rng: np.random.Generator, shape: tuple[int, ...], delays: bool, depth: int) -> Any:
    """Draw a node that keeps the shape: half are neurons."""
    roll = rng.random()
    if roll < 0.5:
        return _neuron(rng, shape)
    if roll < 0.58 and delays:
        return nir.Delay(np.full(shape, int(rng.integers(0, 3)) * DT))
    if roll < 0.68 and depth:
        return _graph(rng, shape, int(rng.integers(1, 4)), delays, depth - 1, head=False)
    if roll < 0.76:
        return nir.Scale(_scale(rng, shape))
    if len(shape) == 3 and roll < 0.8:
        return nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([1, 1]))
    return _weights(rng, shape)


def _scale(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if rng.random() < 0.5:
        return np.full(shape, rng.choice([-1.0, 0.5, 1.0, 2.0]), np.float32)
    channels = rng.choice([-1.0, 0.5, 2.0], shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(channels, shape).astype(np.float32).copy()


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    bias = _dyadic(rng, (shape[0],), 8) * int(rng.random() < 0.6)
    if len(shape) == 1:
        weight = _dyadic(rng, (shape[0], shape[0]), 8)
        return nir.Affine(weight, bias) if rng.random() < 0.6 else nir.Linear(weight)
    groups = int(rng.choice([1, CHANNELS]))
    size = int(rng.integers(1, 4))
    kernel = (CHANNELS, CHANNELS // groups, *[size] * (len(shape) - 1))
    padding: Any = "same" if size % 2 == 0 or rng.random() < 0.3 else size // 2
    if len(shape) == 2:
        return nir.Conv1d(LENGTH, _dyadic(rng, kernel, 8), 1, padding, 1, groups, bias)
    sides: Any = padding if isinstance(padding, str) or rng.random() < 0.5 else (padding, padding)
    return nir.Conv2d((SIDE, SIDE), _dyadic(rng, kernel, 8), 1, sides, 1, groups, bias)


def _neuron(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    def full(*choices: float, single: bool = False) -> np.ndarray:
        return np.full(shape, rng.choice(choices), np.float32 if single else np.float64)

    threshold, reset, leak = full(0.5, 0.75, 1.0), full(0.0, 0.0, -0.25), full(0.0, 0.0, 0.25)
    match int(rng.integers(0, 7)):
        case 0:
            return nir.IF(full(5000.0, 10000.0), threshold, reset)
        case 1:
            taus = full(2e-4, 4e-4, single=True), full(1e-4, 2e-4)
            return nir.CubaLIF(*taus, full(1.0, 2.0), leak, threshold, reset, full(1.0, 2.0))
        case 2:
            return nir.LI(full(2e-4), full(1.0, 2.0), leak)
        case _:
            tau = full(1e-4, 2e-4, 4e-4, single=bool(rng.random() < 0.5))
            return nir.LIF(tau, full(1.0, 2.0), leak, threshold, reset)


def random_input(rng: np.random.Generator, graph: nir.NIRGraph, steps: int = 8, batch: int = 2) -> np.ndarray:
    """Draw analog values [T, B, *shape] in quarters for the graph's input."""
    (entry,) = (node for node in graph.nodes.values() if isinstance(node, nir.Input))
    shape = [int(n) for n in entry.input_type["input"]]
    return (rng.integers(-2, 7, (steps, batch, *shape)) / 4).astype(np.float32)
