"""Hypothesis strategies for valid random networks, and for models whose arithmetic is exact in float32."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from msc.ir.network import Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Flatten, Linear, Op, Scale, Shape, SumPool2d
from tests.dyadic import MANTISSA_BITS, bits_needed, dyadic
from tests.networks import conv, edge, rounding

_SIGNS = (Sign.FREE, Sign.FREE, Sign.EXCITATORY, Sign.INHIBITORY)
_DYADIC_KINDS: tuple[Neuron, ...] = (LIF(), LIF(), LIF(v_threshold=1.0), IF(), CubaLIF())


@dataclass
class _Draft:
    """A network in the making: populations in causal order with their shapes, and what joins them."""

    populations: list[Population]
    shapes: dict[str, Shape]
    projections: list[Projection] = field(default_factory=list[Projection])

    def join(
        self, source: str, target: str, *ops: Op, sign: Sign, delay: int = 0, norm: Norm | None = None
    ) -> None:
        """Add a projection, numbered where it is not the first between its ends."""
        number = 1 + sum(p.source == source and p.target == target for p in self.projections)
        self.projections.append(edge(source, target, *ops, sign=sign, delay=delay, norm=norm, number=number))


@st.composite
def networks(draw: st.DrawFn, dyadic_only: bool = False, exotic: bool = True) -> Network:
    """Draw a valid network in which every population is live.

    A chain of 1 to 4 populations on small maps, with parallel 1x1, 3x3, 5x5 and identity projections,
    strides, poolings, skips, feedback and self projections, delays of 0 to 3 on cycles and off, all neuron
    and input kinds, sometimes a head. `exotic` adds groups and dilation. `dyadic_only` keeps to neurons and
    ops whose arithmetic is exact, without norms; otherwise parameters and norms are arbitrary.
    """
    size = draw(st.integers(4, 7))
    shape = (draw(st.integers(1, 3)), size, draw(st.sampled_from([size, size, 5])))
    source = Source(shape, draw(st.sampled_from(InputKind)))
    draft = _Draft([Population("input", source)], {"input": shape})
    for index in range(draw(st.integers(1, 4))):
        _extend(draw, draft, f"layer{index + 1}.A", dyadic_only, exotic)
    _feed_back(draw, draft, dyadic_only)
    if draw(st.booleans()):
        _head(draw, draft, dyadic_only)
    order = draft.projections if dyadic_only else draw(st.permutations(draft.projections))
    steps = draw(st.integers(3, 4 if _has_cuba(draft) else 6))
    return Network(tuple(draft.populations), tuple(order), draft.populations[-1].name, steps)


@st.composite
def models(draw: st.DrawFn, exotic: bool = True) -> Model:
    """Draw a network with dyadic weights: k * 2^e, |k| <= 15, every number within float32's 24 bits.

    Weights are scaled to the fan-in and biases searched so that most outputs are alive.
    """
    network = draw(networks(dyadic_only=True, exotic=exotic))
    model = dyadic(network, draw(st.integers(0, 99)))
    assume(bits_needed(model) <= MANTISSA_BITS)
    return model


@st.composite
def rounding_models(draw: st.DrawFn) -> Model:
    """Draw a network of any parameters and norms, with weights that round in float32."""
    return rounding(draw(networks()), draw(st.integers(0, 99)))


def _has_cuba(draft: _Draft) -> bool:
    return any(isinstance(p.neuron, CubaLIF) for p in draft.populations)


def _extend(draw: st.DrawFn, draft: _Draft, name: str, dyadic_only: bool, exotic: bool) -> None:
    """Add a population fed by the last one, in one or several parallel ways, and perhaps by older ones."""
    base = draft.populations[-1].name
    channels, height, width = draft.shapes[base]
    way = draw(st.sampled_from(["parallel", "parallel", "single", "stride", "pool"]))
    if min(height, width) < 4 and way in {"stride", "pool"}:
        way = "single"
    out = draw(st.sampled_from([channels, 2, 3, 4]))
    delay = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
    excites = draw(st.sampled_from([Sign.FREE, Sign.FREE, Sign.EXCITATORY]))
    draft.populations.append(
        Population(name, draw(neurons(dyadic_only)), draw(st.sampled_from([True, True, False])))
    )
    match way:
        case "parallel":
            branches = [(conv(out, kernel),) for kernel in (1, 3, 5)] + ([()] if out == channels else [])
            chosen = draw(st.lists(st.sampled_from(branches), min_size=2, max_size=4, unique=True))
            if chosen[0] == ():
                chosen = chosen[::-1]
            for i, ops in enumerate(chosen):
                sign = excites if i == 0 else Sign.FREE if not ops else draw(st.sampled_from(_SIGNS))
                draft.join(base, name, *ops, sign=sign, delay=delay, norm=draw(norms(dyadic_only)))
        case "single":
            groups = 2 if exotic and channels % 2 == 0 and out % 2 == 0 and draw(st.booleans()) else 1
            dilation = draw(st.sampled_from([1, 1, 2])) if exotic else 1
            op = conv(out, draw(st.sampled_from([1, 3, 5])), dilation=dilation, groups=groups)
            draft.join(base, name, op, sign=excites, delay=delay, norm=draw(norms(dyadic_only)))
        case "stride":
            draft.join(
                base, name, conv(out, 3, stride=2), sign=excites, delay=delay, norm=draw(norms(dyadic_only))
            )
        case _:
            pooled = draw(st.sampled_from([AvgPool2d, SumPool2d]))((2, 2), (2, 2))
            ops = (conv(out, 3), pooled) if draw(st.booleans()) else (pooled, conv(out, 1))
            draft.join(base, name, *ops, sign=excites, delay=delay, norm=draw(norms(dyadic_only)))
    halved = {"stride": ((height + 1) // 2, (width + 1) // 2), "pool": (height // 2, width // 2)}
    draft.shapes[name] = (out, *halved.get(way, (height, width)))
    _skip(draw, draft, name, dyadic_only)


def _skip(draw: st.DrawFn, draft: _Draft, name: str, dyadic_only: bool) -> None:
    """Perhaps feed a population from older ones of the same map size too."""
    for older in draft.populations[:-2]:
        if draft.shapes[older.name][1:] == draft.shapes[name][1:] and draw(st.booleans()):
            op = conv(draft.shapes[name][0], draw(st.sampled_from([1, 3])))
            sign, delay = draw(st.sampled_from(_SIGNS)), draw(st.sampled_from([0, 0, 1, 2, 3]))
            draft.join(older.name, name, op, sign=sign, delay=delay, norm=draw(norms(dyadic_only)))


def _feed_back(draw: st.DrawFn, draft: _Draft, dyadic_only: bool) -> None:
    """Perhaps add delayed projections to the same or an earlier population of the same map size."""
    neurons_only = draft.populations[1:]
    for index, source in enumerate(neurons_only):
        for target in neurons_only[: index + 1]:
            fits = draft.shapes[source.name][1:] == draft.shapes[target.name][1:]
            if fits and draw(st.sampled_from([True, False, False])):
                op = conv(draft.shapes[target.name][0], draw(st.sampled_from([1, 3])))
                sign, delay = draw(st.sampled_from(_SIGNS)), draw(st.integers(1, 3))
                draft.join(
                    source.name, target.name, op, sign=sign, delay=delay, norm=draw(norms(dyadic_only))
                )


def _head(draw: st.DrawFn, draft: _Draft, dyadic_only: bool) -> None:
    """Add a dense output, read from the last population through a pooling or straight."""
    last = draft.populations[-1].name
    classes = draw(st.integers(2, 5))
    size = draft.shapes[last][1:]
    pooled: tuple[Op, ...] = (
        (SumPool2d((size[0], size[1]), (1, 1)), Scale(0.125)) if draw(st.booleans()) else ()
    )
    neuron = draw(st.one_of(neurons(dyadic_only), st.just(LI())))
    draft.populations.append(Population("head", neuron))
    draft.shapes["head"] = (classes,)
    draft.join(last, "head", *pooled, Flatten(), Linear(classes), sign=Sign.FREE)


def neurons(dyadic_only: bool = False) -> st.SearchStrategy[Neuron]:
    """Draw a neuron kind that spikes: with exact parameters, or with any valid ones."""
    if dyadic_only:
        return st.sampled_from(_DYADIC_KINDS)
    tau = st.one_of(st.sampled_from([1.0, 4 / 3, 2.0, 10.0]), st.floats(1, 20))
    gain = st.floats(0.25, 4, width=32)
    fires, reset = st.floats(0.25, 2, width=32), st.sampled_from([0.0, 0.0, -0.25, 0.1])
    leak = st.sampled_from([0.0, 0.0, 0.05, -0.1])
    return st.one_of(
        st.builds(LIF, tau, gain, fires, reset, leak),
        st.builds(IF, gain, fires, reset),
        st.builds(CubaLIF, tau, tau, gain, gain, fires, reset, leak),
    )


def norms(dyadic_only: bool = False) -> st.SearchStrategy[Norm | None]:
    """Draw a norm or none."""
    if dyadic_only:
        return st.none()
    return st.one_of(st.none(), st.builds(Norm, st.sampled_from(NormKind), st.sampled_from([1e-5, 1e-3])))


def shuffled(network: Network, seed: int) -> Network:
    """The same network, its populations and projections declared in another order."""
    rng = np.random.default_rng(seed)
    populations = [network.populations[i] for i in rng.permutation(len(network.populations))]
    projections = [network.projections[i] for i in rng.permutation(len(network.projections))]
    return replace(network, populations=tuple(populations), projections=tuple(projections))
