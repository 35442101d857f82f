"""Small named fixture networks with weights, for tests that hold on every network.

`NETWORKS` have dyadic weights (exact in float32 for `dyadic.STEPS` steps), `NORMED` have norms and
weights that round. Use as `pytest.mark.parametrize("name", NETWORKS)`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from msc.ir.network import Array, Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d
from msc.ir.shapes import weight_shapes
from tests.dyadic import dyadic

INHIBITORY, EXCITATORY = Sign.INHIBITORY, Sign.EXCITATORY
PIXELS = Source((2, 6, 6))
EVENTS = Source((2, 6, 6), InputKind.EVENTS)
ANALOG = Source((2, 6, 6), InputKind.ANALOG)


def conv(channels: int, size: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1) -> Conv2d:
    """A square convolution that keeps the map's size at stride 1."""
    padding = dilation * (size // 2)
    return Conv2d(channels, (size, size), (stride, stride), (padding, padding), (dilation, dilation), groups)


def edge(
    source: str,
    target: str,
    *ops: Op,
    sign: Sign = Sign.FREE,
    delay: int = 0,
    norm: Norm | None = None,
    number: int = 1,
) -> Projection:
    """A projection named after its ends; `number` tells parallel ones apart."""
    name = f"{source}>{target}" + (f"#{number}" if number > 1 else "")
    return Projection(name, source, target, ops, sign, delay, norm)


def net(
    source: Source,
    neurons: dict[str, Neuron],
    *projections: Projection,
    output: str = "out",
    timesteps: int | None = None,
) -> Network:
    """A network of `source`, named `input`, and `neurons` by name."""
    populations = (Population("input", source), *(Population(name, kind) for name, kind in neurons.items()))
    return Network(populations, projections, output, timesteps)


def pool(kind: type[AvgPool2d] | type[SumPool2d], size: int) -> AvgPool2d | SumPool2d:
    """A pooling whose windows do not overlap."""
    return kind((size, size), (size, size))


def _feedback(first_delay: int, second_delay: int, neuron: Neuron, source: Source = EVENTS) -> Network:
    return net(
        source,
        {"a": neuron, "b": neuron, "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("b", "a", conv(4), delay=first_delay),
        edge("b", "out", Flatten(), Linear(5)),
        edge("out", "out", Linear(5), sign=INHIBITORY, delay=second_delay),
    )


STRUCTURES: dict[str, Network] = {
    "chain": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("b", "out", Flatten(), Linear(5)),
        timesteps=4,
    ),
    "dense": net(
        Source((12,), InputKind.EVENTS),
        {"a": LIF(), "out": LIF()},
        edge("input", "a", Linear(10)),
        edge("a", "out", Linear(5)),
    ),
    "skip": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("a", "out", conv(4, 1)),
        edge("b", "out", conv(4)),
        edge("input", "out", conv(4, 5)),
    ),
    "inhibition": net(
        EVENTS,
        {"a": LIF(), "i": LIF(), "out": LIF()},
        edge("input", "a", conv(4), sign=EXCITATORY),
        edge("a", "i", conv(4), sign=EXCITATORY),
        edge("a", "out", conv(4), sign=EXCITATORY),
        edge("i", "out", conv(4), sign=INHIBITORY),
    ),
    "feedback": net(
        PIXELS,
        {"a": LIF(), "i": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "i", conv(4), delay=1),
        edge("i", "a", conv(4), sign=INHIBITORY, delay=1),
        edge("a", "out", conv(4)),
    ),
    "loop": _feedback(1, 1, LIF()),
    "delays": _feedback(2, 3, LIF()),
    "delayed_chain": net(
        ANALOG,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4), delay=2),
        edge("a", "out", conv(4), delay=3),
        edge("b", "out", conv(4), delay=1),
        edge("input", "out", conv(4), delay=1),
    ),
    "parallel": net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "out", conv(4, 1)),
        edge("a", "out", conv(4, 3), number=2),
        edge("a", "out", conv(4, 5), number=3),
        edge("a", "out", number=4),
    ),
    "parallel_feedback": net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "out", conv(4, 3)),
        edge("a", "out", number=2),
        edge("out", "a", conv(4, 1), sign=INHIBITORY, delay=1),
        edge("out", "a", conv(4, 3), delay=2, number=2),
    ),
    "average_pool": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4), pool(AvgPool2d, 2)),
        edge("b", "out", AvgPool2d((2, 2), (1, 1)), Flatten(), Linear(5)),
    ),
    "sum_pool": net(
        EVENTS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", SumPool2d((3, 3), (2, 2), (1, 1)), conv(4)),
        edge("b", "out", SumPool2d((3, 3), (3, 3)), Scale(0.125), Flatten(), Linear(5)),
    ),
    "stride": net(
        Source((2, 7, 7)),
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4, stride=2)),
        edge("input", "b", conv(6, 5, stride=4)),
        edge("a", "b", conv(6, stride=2)),
        edge("b", "out", Flatten(), Linear(5)),
    ),
    "dilation": net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(4, dilation=2)),
        edge("a", "out", conv(4, dilation=3)),
    ),
    "groups": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4, groups=2)),
        edge("a", "b", conv(4, groups=4)),
        edge("b", "out", conv(4, 1)),
    ),
    "oblong": net(
        Source((2, 5, 8), InputKind.EVENTS),
        {"a": LIF(), "out": LIF()},
        edge("input", "a", Conv2d(4, (3, 5), (1, 2), (1, 2))),
        edge("a", "out", Conv2d(4, (1, 3), (2, 1), (0, 1))),
    ),
    "cuba": net(
        EVENTS,
        {"a": CubaLIF(), "out": CubaLIF()},
        edge("input", "a", conv(4)),
        edge("a", "out", Flatten(), Linear(5)),
        edge("out", "out", Linear(5), delay=1),
        timesteps=4,
    ),
    "if": net(
        PIXELS,
        {"a": IF(), "out": IF(v_threshold=2.0)},
        edge("input", "a", conv(4)),
        edge("a", "out", conv(4)),
    ),
    "tau": net(
        EVENTS,
        {"a": LIF(tau=4.0, r=4.0), "b": LIF(tau=2.0, r=1.0), "out": LIF(tau=1.0, r=1.0)},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("b", "out", conv(4)),
    ),
    "membrane": net(
        PIXELS,
        {"a": LIF(), "out": LI()},
        edge("input", "a", conv(4)),
        edge("a", "out", Flatten(), Linear(5)),
    ),
    "analog": net(
        ANALOG,
        {"layer1.A": LIF(), "layer1.I": LIF(), "out": LIF()},
        edge("input", "layer1.A", conv(4)),
        edge("layer1.A", "layer1.I", conv(4, 5)),
        edge("layer1.I", "layer1.A", conv(4), sign=INHIBITORY, delay=1),
        edge("layer1.A", "out", pool(SumPool2d, 6), Scale(0.03125), Flatten(), Linear(5)),
    ),
}


def _unbiased() -> Network:
    network = STRUCTURES["chain"]
    return replace(network, populations=tuple(replace(p, bias=p.is_source) for p in network.populations))


NETWORKS: dict[str, Model] = {
    name: dyadic(network) for name, network in {**STRUCTURES, "unbiased": _unbiased()}.items()
}


def _normed(name: str, kind: NormKind, eps: float, delayed: bool = True) -> Network:
    """Give the projections of a fixture norms of one kind (delayed ones too on request)."""
    network = STRUCTURES[name]
    norm = Norm(kind, eps)
    return network.with_projections(
        tuple(replace(p, norm=norm if delayed or not p.delay else None) for p in network.projections)
    )


def rounding(network: Network, seed: int = 0) -> Model:
    """Fill a network, norms included, with weights that round in float32; signs hold, gamma >= 0."""
    rng = np.random.default_rng(seed)
    by_name = {p.name: p for p in network.projections}
    weights: dict[str, Array] = {}
    for key, shape in weight_shapes(network).items():
        owner, _, parameter = key.rpartition("/")
        projection = by_name.get(key.split("/")[0])
        match parameter:
            case "weight":
                drawn = rng.normal(0.05, 1.0, shape) / np.sqrt(np.prod(shape[1:]))
                sign = None if projection is None else projection.sign
                if sign in (EXCITATORY, INHIBITORY):
                    drawn = np.abs(drawn) * (0.2 if sign is EXCITATORY else -0.2)
            case "gamma":
                drawn = rng.uniform(0.3, 0.8, shape)
            case "var":
                drawn = rng.uniform(0.1, 0.9, shape)
            case "mean":
                drawn = rng.normal(0.0, 0.1, shape)
            case _:
                assert owner in {p.name for p in network.populations}
                drawn = rng.uniform(0.05, 0.15, shape)
        weights[key] = drawn.astype(np.float32)
    return Model(network, weights)


NORMED: dict[str, Model] = {
    "batch": rounding(_normed("chain", NormKind.BATCH, 1e-5)),
    "scale": rounding(_normed("inhibition", NormKind.SCALE, 1e-5), 5),
    "batch_feedback": rounding(_normed("feedback", NormKind.BATCH, 1e-3), 2),
    "scale_delays": rounding(_normed("delays", NormKind.SCALE, 1e-5)),
    "batch_parallel": rounding(_normed("parallel", NormKind.BATCH, 1e-5)),
    "batch_pool": rounding(_normed("average_pool", NormKind.BATCH, 1e-5), 4),
    "batch_cuba": rounding(_normed("cuba", NormKind.BATCH, 1e-5, delayed=False)),
}
