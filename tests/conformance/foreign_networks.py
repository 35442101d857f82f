"""Random networks as third-party NIR files describe them: analog input, vectors and lines, mixed neurons."""

from __future__ import annotations

from itertools import count

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Scale, Shape, SumPool2d
from msc.ir.simulate import simulate
from tests.conformance.random_networks import dyadic_weights
from tests.dyadic import is_alive

STEPS = 6
BITS = 20  # of every membrane: with those that sums may add, within float32's 24
SHAPES: tuple[Shape, ...] = ((9,), (4, 9), (4, 6, 5))
DELAYS = (0, 0, 1, 1, 2, 3, 5)


def foreign_model(seed: int) -> tuple[Model, NDArray[np.float32]]:
    """Draw networks and inputs until float32 holds all membranes exactly and the output is alive.

    Shapes take turns; every second three seeds leave out what most simulators of NIR refuse.
    """
    for attempt in count():
        rng = np.random.default_rng((seed, attempt))
        network = foreign_network(rng, SHAPES[seed % 3], plain=seed // 3 % 2 == 1)
        model = Model(network, dyadic_weights(network, rng))
        source = network.source.neuron
        assert isinstance(source, Source)
        inputs = (rng.integers(-4, 17, (STEPS, 3, *source.shape)) / 16).astype(np.float32)
        trace = simulate(model, inputs, membranes=True)
        values = np.concatenate([membrane.ravel() for membrane in trace.membranes.values()])
        if has_bits(values, BITS) and (emits_membrane(model) or is_alive(trace.outputs)):
            return model, inputs
    raise AssertionError("unreachable")


def emits_membrane(model: Model) -> bool:
    return isinstance(model.network.population(model.network.output).neuron, LI)


def has_bits(values: NDArray[np.float64], bits: int) -> bool:
    """Whether all values are multiples of one power of two, below 2^bits of it."""
    largest = float(np.abs(values).max())
    grid = 2.0 ** (np.ceil(np.log2(max(largest, 2.0**-60))) - bits)
    return bool((values % grid == 0).all())


def foreign_network(rng: np.random.Generator, shape: Shape, plain: bool) -> Network:
    """Draw a network of 2 to 4 hidden populations of one shape, and an output of any kind.

    A `plain` one has delays of one step on cycles only, and neurons that leak and reset to 0.
    """
    hidden = [f"p{i}" for i in range(int(rng.integers(2, 5)))]
    populations = [Population("input", Source(shape, InputKind.ANALOG))]
    populations += [Population(name, _neuron(rng, 0.15, plain), bool(rng.random() < 0.7)) for name in hidden]
    populations.append(Population("head", _neuron(rng, 0.3, plain)))
    earlier = ["input", *hidden]
    ends = [(earlier[int(rng.integers(0, i + 1))], name, 0) for i, name in enumerate(hidden)]
    ends += [
        (str(rng.choice(earlier)), str(rng.choice(hidden)), None) for _ in range(int(rng.integers(0, 4)))
    ]
    projections: list[Projection] = []
    for number, (source, target, delay) in enumerate(ends):
        late = int(rng.choice(DELAYS)) if delay is None and not plain else 0
        backward = source != "input" and earlier.index(source) >= earlier.index(target)
        late = max(late, 1) if backward else late
        name = f"{source}>{target}#{number}"
        projections.append(Projection(name, source, target, _ops(rng, shape), delay=late))
    late = 0 if plain else int(rng.choice(DELAYS[:4]))
    final = Projection("last", hidden[-1], "head", _head_ops(rng, shape, plain), delay=late)
    if final.delay:  # shapes are computed over undelayed projections
        projections.append(Projection("at_once", hidden[0], "head", final.ops))
    return Network(tuple(populations), (*projections, final), "head", None)


def _neuron(rng: np.random.Generator, emitting: float, plain: bool) -> Neuron:
    """Draw any kind with dyadic parameters; `emitting` is how likely it emits its membrane."""
    if rng.random() < emitting:
        tau, r = float(rng.choice([1.0, 2.0])), float(rng.choice([0.5, 1.0]))
        return LI(tau, r, v_leak=0.0 if plain else 0.25)
    resting = {
        "v_leak": float(rng.choice([0.0, 0.0, 0.125])),
        "v_reset": float(rng.choice([0.0, 0.0, -0.25])),
    }
    resting = dict.fromkeys(resting, 0.0) if plain else resting
    match int(rng.integers(0, 6)):
        case 0:
            return IF(r=float(rng.choice([0.5, 1.0])), v_threshold=1.0, v_reset=resting["v_reset"])
        case 1:
            return CubaLIF(w_in=float(rng.choice([1.0, 2.0])), v_threshold=0.5, **resting)
        case 2:
            return LIF(tau=4.0, r=2.0, v_threshold=0.5, **resting)
        case 3:
            return LIF(tau=1.0, r=1.0, v_threshold=0.5, **resting)
        case _:
            return LIF(v_threshold=float(rng.choice([0.5, 1.0])), **resting)


def _ops(rng: np.random.Generator, shape: Shape) -> tuple[Op, ...]:
    """Draw ops that keep the shape."""
    kind = int(rng.integers(0, 6))
    if kind == 0:
        return ()
    if kind == 1:
        return (Scale(float(rng.choice([-0.5, 0.5, 2.0]))),)
    if len(shape) == 1:
        return (Linear(shape[0]),)
    groups = int(rng.choice([1, 1, 2, 4]))
    dilation, half = int(rng.choice([1, 1, 2])), int(rng.choice([0, 1]))
    size, padding = 2 * half + 1, half * dilation
    if len(shape) == 2:
        return (Conv1d(shape[0], size, 1, padding, dilation, groups),)
    if kind == 2:
        return (SumPool2d((3, 3), (1, 1), (1, 1)), Scale(0.25))
    pair = (dilation, 1)
    return (Conv2d(shape[0], (size, 3), (1, 1), (padding, 1), pair, groups),)


def _head_ops(rng: np.random.Generator, shape: Shape, plain: bool) -> tuple[Op, ...]:
    """Draw ops to a vector, or to a signal of fewer places."""
    if len(shape) == 1:
        return (Linear(5),)
    if rng.random() < 0.5:
        pool: tuple[Op, ...] = (AvgPool2d((2, 2), (2, 2)),) if len(shape) == 3 else ()
        return (*pool, Flatten(), Linear(5))
    if len(shape) == 2:
        return (Conv1d(6, 3, 2, 1, 1, int(rng.choice([1, 2]))),)
    kernel = (3, 3) if plain else (3, 2)
    return (Conv2d(6, kernel, (2, 1), (1, 0), (1, 1), int(rng.choice([1, 2]))),)
