"""Random small networks for counting: all ops and neuron kinds, zero weights, cut channels, feedback."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Array, Model, Network, Norm, NormKind, Population, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    Op,
    Scale,
    Shape,
    SumPool2d,
    output_shape,
)
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import input_frames, simulate


@dataclass(frozen=True, eq=False)
class Run:
    """A model, its input, and what its populations (the source too) emitted: [T, B, *shape]."""

    model: Model
    inputs: NDArray[Any]
    steps: int
    emitted: dict[str, NDArray[Any]]
    membranes: dict[str, NDArray[np.float64]]


@dataclass
class _Draft:
    populations: list[Population] = field(default_factory=list[Population])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    projections: list[Projection] = field(default_factory=list[Projection])

    def join(
        self, rng: np.random.Generator, source: str, target: str, ops: tuple[Op, ...], delay: int
    ) -> None:
        norm = Norm(list(NormKind)[int(rng.integers(2))]) if rng.random() < 0.2 else None
        name = f"p{len(self.projections)}"
        self.projections.append(Projection(name, source, target, ops, delay=delay, norm=norm))


def counted_run(seed: int, pruned: bool = True, samples: int = 3) -> Run:
    """Draw a network, weights (some zero if `pruned`) and an input, and run the reference on them."""
    rng = np.random.default_rng(seed)
    network = _network(rng)
    model = Model(network, _weights(network, rng, pruned))
    steps = int(rng.integers(1, 7))
    source = network.source.neuron
    assert isinstance(source, Source)
    inputs = _inputs(source, rng, steps, samples)
    _, frames = input_frames(source, inputs, steps)
    if source.kind is InputKind.STATIC:
        frames = np.repeat(frames[None], steps, axis=0)
    trace = simulate(model, inputs, steps, membranes=True)
    return Run(model, inputs, steps, {network.source.name: frames, **trace.spikes}, trace.membranes)


def chain(rng: np.random.Generator, shape: Shape, most: int = 4, fewest: int = 0) -> tuple[Op, ...]:
    """Draw `fewest` to `most` ops that fit a population of `shape`."""
    while True:
        ops: list[Op] = []
        made = shape
        try:
            for _ in range(int(rng.integers(fewest, most + 1))):
                op = _op(rng, made)
                made = output_shape(op, made)
                ops.append(op)
        except ValueError:
            continue
        if prod(made) <= 250:
            return tuple(ops)


def pruned_weights(
    projection: Projection, shapes: tuple[Shape, ...], rng: np.random.Generator, zeros: float
) -> dict[str, Array]:
    """Draw the weights of a projection, a share of them 0; some gammas of its norm, too."""
    network = Network((Population("a", Source(shapes[0])), Population("b", LIF(), False)), (projection,), "b")
    return {key: _drawn(key, shape, rng, zeros) for key, shape in weight_shapes(network).items()}


def _network(rng: np.random.Generator) -> Network:
    shape = _source_shape(rng)
    draft = _Draft(
        [Population("input", Source(shape, list(InputKind)[int(rng.integers(3))]))], {"input": shape}
    )
    for index in range(int(rng.integers(1, 5))):
        _grow(rng, draft, f"h{index}")
    last = draft.populations[-1].name
    draft.shapes["head"] = (int(rng.integers(2, 5)),)
    draft.populations.append(Population("head", LI() if rng.random() < 0.3 else _neuron(rng)))
    draft.join(rng, last, "head", _into_vector(draft.shapes["head"][0]), 0)
    for earlier in draft.populations[:-1]:
        if rng.random() < 0.2:
            delay = int(rng.integers(0, 4))
            draft.join(rng, earlier.name, "head", _into_vector(draft.shapes["head"][0]), delay)
    _feed_back(rng, draft)
    order = [draft.projections[i] for i in rng.permutation(len(draft.projections))]
    return Network(tuple(draft.populations), tuple(order), "head")


def _source_shape(rng: np.random.Generator) -> Shape:
    way = rng.random()
    if way < 0.08:
        return (int(rng.integers(1, 9)),)
    if way < 0.25:
        return (int(rng.choice([1, 2, 4])), int(rng.integers(4, 12)))
    return (int(rng.choice([1, 2, 3, 4])), int(rng.integers(3, 8)), int(rng.integers(3, 8)))


def _grow(rng: np.random.Generator, draft: _Draft, name: str) -> None:
    """Add a population fed by one before it, perhaps twice, and perhaps by others of the same shape."""
    base = draft.populations[-1 if rng.random() < 0.8 else int(rng.integers(len(draft.populations)))].name
    ops = (
        chain(rng, draft.shapes[base], fewest=1, most=1)
        if rng.random() < 0.6
        else chain(rng, draft.shapes[base])
    )
    made = draft.shapes[base]
    for op in ops:
        made = output_shape(op, made)
    others = [other for other, shape in draft.shapes.items() if shape == made]
    draft.populations.append(Population(name, _neuron(rng), bool(rng.random() < 0.7)))
    draft.shapes[name] = made
    draft.join(rng, base, name, ops, int(rng.choice([0, 0, 0, 1, 2])))
    if rng.random() < 0.25:
        draft.join(rng, base, name, ops, int(rng.choice([0, 1])))
    for other in others:
        if rng.random() < 0.5:
            draft.join(rng, other, name, _same_shape(rng, made), int(rng.choice([0, 0, 1])))


def _feed_back(rng: np.random.Generator, draft: _Draft) -> None:
    neurons = [p.name for p in draft.populations[1:]]
    for index, source in enumerate(neurons):
        for target in neurons[: index + 1]:
            if draft.shapes[source] == draft.shapes[target] and rng.random() < 0.4:
                ops = _same_shape(rng, draft.shapes[source])
                draft.join(rng, source, target, ops, int(rng.integers(1, 4)))


def _same_shape(rng: np.random.Generator, shape: Shape) -> tuple[Op, ...]:
    if rng.random() < 0.3:
        return ()
    match len(shape):
        case 1:
            return (Linear(shape[0]),)
        case 2:
            return (Conv1d(shape[0], 3, padding=1),)
        case _:
            return (Conv2d(shape[0], (3, 3), (1, 1), (1, 1)),)


def _into_vector(size: int) -> tuple[Op, ...]:
    return (Flatten(), Linear(size))


def _op(rng: np.random.Generator, shape: Shape) -> Op:
    if rng.random() < 0.06:
        return Scale(float(rng.choice([0.5, 0.5, 0.5, 0.0])))
    match len(shape):
        case 1:
            return Linear(int(rng.integers(1, 7)))
        case 2:
            groups = _groups(rng, shape[0])
            kernel, stride, padding, dilation = (int(rng.integers(*ends)) for ends in _RANGES)
            made = groups * int(rng.integers(1, 3))
            return (
                Conv1d(made, kernel, stride, padding, dilation, groups) if rng.random() < 0.8 else Flatten()
            )
        case _:
            return _map_op(rng, shape)


_RANGES = ((1, 5), (1, 4), (0, 3), (1, 3))
"""Of kernels, strides, paddings and dilations."""


def _map_op(rng: np.random.Generator, shape: Shape) -> Op:
    kernel, stride, padding, dilation = (
        (int(rng.integers(*ends)), int(rng.integers(*ends))) for ends in _RANGES
    )
    way = rng.random()
    if way < 0.6:
        groups = _groups(rng, shape[0])
        return Conv2d(groups * int(rng.integers(1, 3)), kernel, stride, padding, dilation, groups)
    if way < 0.9:
        pool = AvgPool2d if rng.random() < 0.5 else SumPool2d
        inside = (min(padding[0], kernel[0] // 2), min(padding[1], kernel[1] // 2))
        return pool(kernel, (min(stride[0], 2), min(stride[1], 2)), inside)
    return Flatten()


def _groups(rng: np.random.Generator, channels: int) -> int:
    return int(rng.choice([n for n in (1, 1, 2, 3, 4) if channels % n == 0]))


def _neuron(rng: np.random.Generator) -> Neuron:
    kinds = (LIF(), LIF(v_threshold=0.25), LIF(4 / 3, 1.0, 0.5), IF(v_threshold=0.75), CubaLIF(), LI())
    return kinds[int(rng.integers(len(kinds)))]


def _weights(network: Network, rng: np.random.Generator, pruned: bool) -> dict[str, Array]:
    return {
        key: _drawn(key, shape, rng, float(rng.choice([0.0, 0.4, 0.4, 0.8])) if pruned else 0.0)
        for key, shape in weight_shapes(network).items()
    }


def _drawn(key: str, shape: Shape, rng: np.random.Generator, zeros: float) -> Array:
    kept = rng.random(shape) >= zeros
    match key.rpartition("/")[2]:
        case "weight":
            drawn = rng.normal(0.5, 2.0, shape) / np.sqrt(np.prod(shape[1:])) * kept
        case "gamma":
            drawn = rng.uniform(0.5, 1.5, shape) * kept
        case "var":
            drawn = rng.uniform(0.5, 1.5, shape)
        case _:
            drawn = rng.normal(0.15, 0.2, shape)
    return drawn.astype(np.float32)


def _inputs(source: Source, rng: np.random.Generator, steps: int, samples: int) -> NDArray[Any]:
    leading = (samples,) if source.kind is InputKind.STATIC else (steps, samples)
    if source.kind is InputKind.EVENTS:
        return rng.poisson(0.4, (*leading, *source.shape)).astype(np.uint8)
    values = rng.normal(0.3, 1.0, (*leading, *source.shape))
    return (values * (rng.random(values.shape) < 0.7)).astype(np.float32)
