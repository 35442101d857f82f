"""Small fixed-point networks in logical time, made by hand: every form that the quantise pass may give.

`FIXED` maps names to models whose outputs fire (`tests/ir/test_fixed.py`); all projections are one
kernel. `fixed(network, seed)` draws integer weights for any such structure.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Model, Network, Projection, Sign
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Quantise, Scale
from msc.ir.shapes import population_shapes, weight_shapes
from tests.networks import EVENTS, EXCITATORY, INHIBITORY, PIXELS, conv, edge, net

STEPS = 12
LEAKY = FixedLIF(4095, 2048)
SLOW = FixedLIF(4095, 1365)
KEEPING = FixedLIF(4095, 0)
CURRENT = FixedLIF(1000, 700)


def graded(*ops: Op) -> tuple[Op, ...]:
    """Ops of a projection from an analog source that sends graded spikes."""
    return (Quantise(127.0, 127), *ops)


def as_bias(*ops: Op, exponent: int = 2) -> tuple[Op, ...]:
    """Ops of a projection from a static source that the host evaluates: the current becomes a bias."""
    return (Quantise(1023.0, 1023), *ops, Quantise(2.0**-13, 2500), Scale(2.0**exponent / 64))


STRUCTURES: dict[str, Network] = {
    "chain": net(
        PIXELS,
        {"a": LEAKY, "b": SLOW, "out": LEAKY},
        edge("input", "a", *graded(conv(4))),
        edge("a", "b", conv(5, stride=2)),
        edge("b", "out", Flatten(), Linear(6)),
        timesteps=STEPS,
    ),
    "everything": net(
        EVENTS,
        {"a": LEAKY, "e": LEAKY, "i": SLOW, "c": KEEPING, "out": LEAKY},
        edge("input", "a", conv(4, 5)),
        edge("a", "e", conv(6), sign=EXCITATORY),
        edge("a", "i", conv(6, 1), sign=EXCITATORY),
        edge("i", "e", conv(6, groups=2), sign=INHIBITORY, delay=1),
        edge("e", "i", conv(6, 1), delay=1),
        edge("e", "c", Conv2d(4, (3, 3), (2, 2), (2, 2), (2, 2), 2)),
        edge("i", "c", conv(4, stride=2), sign=INHIBITORY),
        edge("a", "c", conv(4, 5, stride=2)),
        edge("c", "c", conv(4, 1), sign=INHIBITORY, delay=1),
        edge("c", "out", Flatten(), Linear(7)),
        edge("a", "out", Flatten(), Linear(7)),
        edge("out", "out", Linear(7), sign=INHIBITORY, delay=1),
    ),
    "vectors": net(
        Source((12,), InputKind.EVENTS),
        {"a": CURRENT, "b": LEAKY, "out": SLOW},
        edge("input", "a", Linear(10)),
        edge("a", "b", Linear(8)),
        edge("a", "out", Linear(5)),
        edge("b", "out", Linear(5)),
    ),
    "delays": net(
        EVENTS,
        {"a": LEAKY, "b": SLOW, "out": LEAKY},
        edge("input", "a", conv(3), delay=2),
        edge("input", "b", conv(3, 1)),
        edge("a", "b", conv(3), delay=3),
        edge("b", "a", conv(3, 1), sign=INHIBITORY, delay=2),
        edge("b", "out", Flatten(), Linear(5)),
        edge("out", "out", Linear(5), delay=4),
    ),
    "bias_input": net(
        PIXELS,
        {"a": LEAKY, "b": LEAKY, "out": LEAKY},
        edge("input", "a", *as_bias(conv(4))),
        edge("a", "b", conv(4)),
        edge("a", "out", Flatten(), Linear(5)),
        edge("b", "out", Flatten(), Linear(5)),
        timesteps=STEPS,
    ),
    "deep": net(
        EVENTS,
        dict.fromkeys((*"abcdefghijklmnop", "out"), LEAKY),
        edge("input", "a", conv(3)),
        *(edge(x, y, conv(3)) for x, y in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)),
        edge("p", "out", Flatten(), Linear(4)),
        edge("a", "out", Flatten(), Linear(4)),
    ),
}


def fixed(network: Network, seed: int) -> Model:
    """Draw weights by sign mode, thresholds that fire, and biases some of which fire by themselves."""
    rng = np.random.default_rng(seed)
    shapes = population_shapes(network)
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in weight_shapes(network, shapes).items():
        if name.endswith("/bias"):
            values = 4 * rng.integers(-900, 1500, shape)
        elif name.endswith("/threshold"):
            values = rng.integers(60, 120, shape)
        else:
            values = _drawn(rng, shape, next(p for p in network.projections if name.startswith(f"{p.name}/")))
        weights[name] = values.astype(np.float32)
    return Model(network, weights)


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], projection: Projection) -> NDArray[np.int64]:
    """Draw weights of a projection: few large ones where many are added up."""
    if projection.ops and isinstance(projection.ops[-1], Scale):
        return rng.integers(-1200, 1100, shape)
    kept = (rng.random(shape) < min(1.0, 12 / prod(shape[1:]))).astype(np.int64)
    scale = 8 if any(isinstance(op, Quantise) for op in projection.ops) else 1
    match projection.sign:
        case Sign.EXCITATORY:
            return kept * rng.integers(0, 200 // scale, shape)
        case Sign.INHIBITORY:
            return -kept * rng.integers(0, 120 // scale, shape)
        case Sign.FREE:
            return 2 * (kept * rng.integers(-70 // scale, 66 // scale, shape))


def sample(network: Network, seed: int = 0, batch: int = 3, steps: int = STEPS) -> NDArray[np.float32]:
    """Draw an input of the source's kind: static [B, *shape], events [T, B, *shape]."""
    source = network.source.neuron
    assert isinstance(source, Source)
    rng = np.random.default_rng(seed)
    if source.kind is InputKind.EVENTS:
        return (rng.random((steps, batch, *source.shape)) < 0.4).astype(np.float32)
    return rng.random((batch, *source.shape), np.float32)


FIXED: dict[str, Model] = {name: fixed(network, 2) for name, network in STRUCTURES.items()}
