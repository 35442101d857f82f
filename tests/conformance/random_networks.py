"""Random small networks with dyadic weights: every op and neuron kind, delays, cycles."""

from __future__ import annotations

from itertools import count

import numpy as np

from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import IF, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import simulate
from tests.dyadic import MANTISSA_BITS, bits_needed, is_alive

CHANNELS = 4
STEPS = 6


def random_model(seed: int, delays: tuple[int, ...] = (1,)) -> Model:
    """Draw networks until float32 holds all their values exactly and their output is alive."""
    for attempt in count():
        rng = np.random.default_rng((seed, attempt))
        network = random_network(rng, delays)
        model = Model(network, dyadic_weights(network, rng))
        if bits_needed(model) <= MANTISSA_BITS and is_alive(
            simulate(model, draw(model, seed), STEPS).outputs
        ):
            return model
    raise AssertionError("unreachable")


def random_network(rng: np.random.Generator, delays: tuple[int, ...]) -> Network:
    """Draw a connected network of 2 to 5 hidden populations on 6x6 maps and a head."""
    kind = InputKind.STATIC if rng.random() < 0.5 else InputKind.EVENTS
    hidden = [f"p{i}" for i in range(int(rng.integers(2, 6)))]
    populations = [Population("input", Source((CHANNELS, 6, 6), kind))]
    populations += [Population(name, _neuron(rng), bool(rng.random() < 0.7)) for name in hidden]
    populations.append(Population("head", _neuron(rng)))
    earlier = ["input", *hidden]
    ends = [(earlier[int(rng.integers(0, i + 1))], name, 0) for i, name in enumerate(hidden)]
    for _ in range(int(rng.integers(1, 5))):
        first, second = sorted(rng.integers(0, len(earlier), 2))
        if first < second:
            ends.append((earlier[first], earlier[second], 0))
    for _ in range(int(rng.integers(0, 4))):
        source, target = rng.choice(hidden, 2)
        ends.append((str(source), str(target), int(rng.choice(delays))))
    projections = [_named(i, *end, _map_ops(rng)) for i, end in enumerate(ends)]
    projections.append(_named(len(ends), hidden[-1], "head", 0, _head_ops(rng)))
    return Network(tuple(populations), tuple(projections), "head", STEPS)


def dyadic_weights(network: Network, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw k / 2^e with |k| <= 7, e larger for larger fan-in, slightly more positive than negative."""
    weights: dict[str, np.ndarray] = {}
    for name, shape in weight_shapes(network, population_shapes(network)).items():
        fan_in = int(np.prod(shape[1:]))
        exponent = 3 + int(np.log2(max(fan_in, 1)) / 2)
        weights[name] = (rng.integers(-6, 8, shape) / 2.0**exponent).astype(np.float32)
    return weights


def draw(model: Model, seed: int, batch: int = 3) -> np.ndarray:
    """Draw an input for the model's source, static in sixteenths or events."""
    rng = np.random.default_rng(seed)
    source = model.network.source.neuron
    assert isinstance(source, Source)
    if source.kind is InputKind.STATIC:
        return (rng.integers(0, 17, (batch, *source.shape)) / 16).astype(np.float32)
    return (rng.random((STEPS, batch, *source.shape)) < 0.4).astype(np.float32)


def _named(index: int, source: str, target: str, delay: int, ops: tuple[Op, ...]) -> Projection:
    return Projection(f"{source}>{target}#{index}", source, target, ops, delay=delay)


def _neuron(rng: np.random.Generator) -> Neuron:
    match int(rng.integers(0, 8)):
        case 0:
            return IF(r=float(rng.choice([0.5, 1.0])), v_threshold=1.0)
        case 1:
            return CubaLIF(v_threshold=0.5)
        case 2:
            return LIF(tau=4.0, r=2.0)
        case 3:
            return LIF(tau=2.0, r=1.0, v_threshold=0.25)
        case _:
            return LIF()


def _map_ops(rng: np.random.Generator) -> tuple[Op, ...]:
    """Draw ops that keep 4 channels of 6x6."""
    match int(rng.integers(0, 11)):
        case 0:
            return ()
        case 1:
            return (Conv2d(CHANNELS, (1, 1)),)
        case 2:
            return (Conv2d(CHANNELS, (5, 5), padding=(2, 2)),)
        case 3:
            return (Conv2d(CHANNELS, (3, 5), padding=(1, 2)),)
        case 4:
            return (Conv2d(CHANNELS, (3, 3), padding=(1, 1), groups=CHANNELS),)
        case 5:
            return (Conv2d(CHANNELS, (3, 3), padding=(2, 2), dilation=(2, 2)),)
        case 6:
            return (SumPool2d((3, 3), (1, 1), (1, 1)), Scale(0.25))
        case 7:
            return (Scale(-0.5),)
        case 8:
            return (Conv2d(CHANNELS, (2, 2), (2, 2), (3, 3)),)
        case _:
            return (Conv2d(CHANNELS, (3, 3), padding=(1, 1)),)


def _head_ops(rng: np.random.Generator) -> tuple[Op, ...]:
    match int(rng.integers(0, 4)):
        case 0:
            return (Flatten(), Linear(10))
        case 1:
            return (SumPool2d((2, 2), (2, 2)), Flatten(), Linear(10))
        case 2:
            return (AvgPool2d((2, 2), (2, 2)), Flatten(), Linear(10))
        case _:
            return (SumPool2d((6, 6), (6, 6)), Scale(1 / 8), Flatten(), Linear(10))
