"""Networks, weights and inputs for the tests of the PyTorch backend."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from msc.ir.network import Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.shapes import weight_shapes
from msc.ir.verify import verify, verify_model


def conv(channels: int, size: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1) -> Conv2d:
    padding = dilation * (size // 2)
    return Conv2d(channels, (size, size), (stride, stride), (padding, padding), (dilation, dilation), groups)


def project(source: str, target: str, *ops: object, number: int = 1, **options: object) -> Projection:
    name = f"{source}>{target}" + (f"#{number}" if number > 1 else "")
    return Projection(name, source, target, ops, **options)  # type: ignore[arg-type]


def chain(kind: InputKind = InputKind.STATIC, norm: Norm | None = None) -> Network:
    """Source -> conv -> two parallel kernels and a skip -> pools, flatten, linear."""
    return Network(
        (
            Population("input", Source((2, 6, 6), kind)),
            Population("stem", LIF()),
            Population("layer1.A", IF(v_threshold=1.0, r=0.5)),
            Population("layer1_A", CubaLIF()),
            Population("head", LIF(v_reset=-0.25, v_leak=0.125)),
        ),
        (
            project("input", "stem", conv(4), norm=norm),
            project("stem", "layer1.A", conv(4, 5, groups=2), norm=norm),
            project("stem", "layer1.A", conv(4, 1), number=2),
            project("stem", "layer1.A", number=3),
            project("layer1.A", "layer1_A", conv(4, 3, dilation=2), delay=2),
            project("input", "layer1_A", conv(4), delay=1, norm=norm),
            project("layer1_A", "head", SumPool2d((2, 2), (2, 2)), Scale(0.25), Flatten(), Linear(5)),
            project("stem", "head", AvgPool2d((2, 2), (2, 2), (1, 1)), Flatten(), Linear(5)),
        ),
        "head",
        5 if kind is InputKind.STATIC else None,
    )


def feedback(norm: Norm | None = None, inhibitory_norm: Norm | None = None) -> Network:
    """E/I layer with an inhibitory loop, a self projection with delay 2 and a readout membrane."""
    return Network(
        (
            Population("input", Source((1, 5, 5), InputKind.STATIC)),
            Population("a", LIF()),
            Population("i", LIF(), bias=False),
            Population("b", LIF()),
            Population("readout", LI()),
        ),
        (
            project("input", "a", conv(3), norm=norm),
            project("a", "b", conv(3), norm=norm),
            project("a", "i", conv(2), sign=Sign.EXCITATORY, delay=1, norm=norm),
            project("i", "a", conv(3), sign=Sign.INHIBITORY, norm=inhibitory_norm),
            project("b", "b", conv(3, 1), delay=2),
            project("b", "readout", Flatten(), Linear(4)),
        ),
        "readout",
        6,
    )


BATCH, SCALE = Norm(), Norm(NormKind.SCALE)
FIXTURES = {
    "chain": chain(),
    "chain of events": chain(InputKind.EVENTS),
    "chain of analog frames": chain(InputKind.ANALOG),
    "feedback": feedback(),
}
NORMED = {
    "chain": chain(norm=BATCH),
    "chain of scale norms": chain(norm=SCALE),
    "feedback": feedback(BATCH, SCALE),
}


def dyadic_weights(network: Network, seed: int) -> Model:
    """Draw weights k / 8, k in -7..7, with signs kept; norms get dyadic statistics too."""
    rng = np.random.default_rng(seed)
    signs = {p.name: p.sign for p in network.projections}
    weights = {}
    for key, shape in weight_shapes(network).items():
        array = rng.integers(-7, 8, shape) / 8
        owner = key.split("/")[0]
        if "/norm/" in key:
            array = np.abs(array) / 2 + 0.5 if not key.endswith("mean") else array / 4
        elif signs.get(owner) is Sign.EXCITATORY:
            array = np.abs(array)
        elif signs.get(owner) is Sign.INHIBITORY:
            array = -np.abs(array)
        weights[key] = array.astype(np.float32)
    model = Model(network, weights)
    verify_model(model)
    return model


def draw(network: Network, seed: int, batch: int = 3, steps: int = 5) -> NDArray[np.float32]:
    source = network.source.neuron
    assert isinstance(source, Source)
    rng = np.random.default_rng(seed)
    match source.kind:
        case InputKind.STATIC:
            return (rng.integers(0, 17, (batch, *source.shape)) / 16).astype(np.float32)
        case InputKind.EVENTS:
            return rng.poisson(0.4, (steps, batch, *source.shape)).astype(np.float32)
        case InputKind.ANALOG:
            return (rng.integers(-8, 9, (steps, batch, *source.shape)) / 8).astype(np.float32)


@st.composite
def networks(draw_value: st.DrawFn) -> Network:
    """Draw a network of 2-5 populations of one map size with random kinds, skips, parallels and delays."""
    count = draw_value(st.integers(1, 4))
    kind = draw_value(st.sampled_from(list(InputKind)))
    neurons = st.sampled_from(
        [LIF(), LIF(v_leak=0.25, v_reset=-0.5), IF(), CubaLIF(), CubaLIF(r=1.0, w_in=1.0)]
    )
    names = ["input", *(f"p{i}" for i in range(count))]
    populations = [Population("input", Source((2, 5, 4), kind))]
    populations += [Population(n, draw_value(neurons), draw_value(st.booleans())) for n in names[1:]]
    ops = st.sampled_from([(conv(2),), (conv(2, 5),), (conv(2, 1),), (), (conv(2, 3, groups=2), Scale(0.5))])
    projections = [project(names[i], names[i + 1], *draw_value(ops)) for i in range(count)]
    for number in range(draw_value(st.integers(0, 6))):
        source = draw_value(st.integers(0, count))
        target = draw_value(st.integers(1, count))
        lowest = 0 if target > source else 1
        delay = draw_value(st.integers(lowest, 3))
        projections.append(
            project(names[source], names[target], *draw_value(ops), number=number + 2, delay=delay)
        )
    network = Network(
        tuple(populations), tuple(projections), names[-1], 6 if kind is InputKind.STATIC else None
    )
    verify(network)
    return network
