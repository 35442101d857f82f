"""The emulator is the reference simulator on fixed-point models: every spike and every final voltage."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from msc.backends.lava import emulator
from msc.backends.lava.emulator import CannotEmulateError, emulate
from msc.ir.network import Model, Network, Norm, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Quantise, Scale
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import InputError, simulate
from tests.fixed_networks import FIXED, STEPS, STRUCTURES, as_bias, fixed, graded, sample
from tests.networks import NETWORKS, PIXELS, conv, edge, net
from tests.strategies import networks

EXACT_DECAYS = [0, 2048, 3072, 4095]  # their factors are powers of two
DECAYS = [*EXACT_DECAYS, 1, 700, 1365, 2731]
DRAWN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def assert_same(model: Model, inputs: NDArray[Any], timesteps: int | None = None) -> float:
    """Compare all spikes and final voltages with the reference; returns the rate of all populations."""
    expected = simulate(model, inputs, timesteps, membranes=True)
    found = emulate(model, inputs, timesteps, voltages=True)
    assert found.output == expected.output
    assert found.spikes.keys() == found.voltages.keys() == expected.spikes.keys()
    for name, spikes in expected.spikes.items():
        np.testing.assert_array_equal(found.spikes[name], spikes, name)
        assert found.spikes[name].dtype == np.uint8
        rested = np.where(spikes[-1] > 0, 0, expected.membranes[name][-1])
        np.testing.assert_array_equal(found.voltages[name], rested, name)
        assert found.voltages[name].dtype == np.int32
    return float(np.mean([spikes.mean() for spikes in expected.spikes.values()]))


def drawn_steps(network: Network) -> int | None:
    source = network.source.neuron
    assert isinstance(source, Source)
    return STEPS if source.kind is InputKind.STATIC else None


def of_kind(network: Network, seed: int, batch: int) -> NDArray[np.float32]:
    """An input for any source; `sample` knows no analog frames per step."""
    source = network.source.neuron
    assert isinstance(source, Source)
    if source.kind is not InputKind.ANALOG:
        return sample(network, seed, batch)
    return np.random.default_rng(seed).normal(size=(STEPS, batch, *source.shape)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", FIXED)
def test_every_fixture_is_the_same_to_the_bit(name: str, batch: int) -> None:
    model = FIXED[name]
    assert 0.02 < assert_same(model, sample(model.network, 3, batch), drawn_steps(model.network)) < 0.95


@pytest.mark.parametrize("name", FIXED)
def test_samples_do_not_depend_on_how_they_are_divided(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one sample, of two with one left over, and all at once."""
    model = FIXED[name]
    x, steps = sample(model.network, 1, batch=5), drawn_steps(model.network)
    whole = emulate(model, x, steps, voltages=True)
    one = emulator._bytes_per_sample(model.network, steps or len(x))
    for bytes_at_once in (1, 2 * one):
        monkeypatch.setattr(emulator, "CHUNK_BYTES", bytes_at_once)
        divided = emulate(model, x, steps, voltages=True)
        for kind in ("spikes", "voltages"):
            for key, values in getattr(whole, kind).items():
                np.testing.assert_array_equal(getattr(divided, kind)[key], values)


def as_fixed(network: Network, neurons: list[FixedLIF]) -> Network:
    """The same structure in fixed point: neurons taken in turn, a quantiser before what is analog."""
    source = network.source.neuron
    assert isinstance(source, Source)
    analog = source.kind is not InputKind.EVENTS
    populations = tuple(
        p if p.is_source else replace(p, neuron=neurons[i % len(neurons)])
        for i, p in enumerate(network.populations)
    )
    projections = tuple(
        replace(p, ops=(Quantise(90.0, 127), *p.ops)) if analog and p.source == network.source.name else p
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections, timesteps=STEPS)


def weighted(network: Network, rng: np.random.Generator, largest: int) -> Model:
    """Draw weights up to `largest` in both directions, thresholds and biases to match."""
    weights: dict[str, NDArray[np.float32]] = {}
    quantised = any(isinstance(op, Quantise) for p in network.projections for op in p.ops)
    for name, shape in weight_shapes(network).items():
        fan_in = prod(shape[1:])
        match name.rsplit("/", 1)[1]:
            case "bias":
                drawn = rng.integers(-20 * largest, 40 * largest + 1, shape)
            case "threshold":
                drawn = rng.integers(0, min(131071, 3 * largest * (60 if quantised else 1)), shape)
            case _:
                kept = rng.random(shape) < min(1.0, 12 / fan_in)
                drawn = kept * rng.integers(-largest, round(1.3 * largest) + 1, shape)
        weights[name] = drawn.astype(np.float32)
    return Model(network, weights)


neurons = st.lists(
    st.builds(FixedLIF, st.sampled_from([4095, 4095, 4095, 0, 1000]), st.sampled_from(DECAYS)),
    min_size=1,
    max_size=4,
)
sizes = st.sampled_from([3, 60, 255, 2000, 2**17, 2**22])  # from far below to far above the 24-bit wrap
seeds = st.integers(0, 2**20)


@DRAWN
@given(networks(dyadic_only=True), neurons, sizes, st.sampled_from([1, 4]), seeds)
def test_drawn_networks_are_the_same_to_the_bit(
    network: Network, kinds: list[FixedLIF], largest: int, batch: int, seed: int
) -> None:
    """Strides, groups, dilations, pools, delays, all inputs; currents with memory; wrapped sums."""
    fixed_network = as_fixed(network, kinds)
    model = weighted(fixed_network, np.random.default_rng(seed), largest)
    assert_same(model, of_kind(fixed_network, seed, batch), drawn_steps(fixed_network))


@DRAWN
@given(st.sampled_from(sorted(STRUCTURES)), neurons, st.lists(st.integers(0, 5), min_size=1), seeds)
def test_populations_that_start_late_are_the_same_to_the_bit(
    name: str, kinds: list[FixedLIF], starts: list[int], seed: int
) -> None:
    network = STRUCTURES[name]
    populations = tuple(
        p if p.is_source else replace(p, neuron=replace(kinds[i % len(kinds)], start=starts[i % len(starts)]))
        for i, p in enumerate(network.populations)
    )
    model = fixed(replace(network, populations=populations), seed)
    assert_same(model, sample(network, seed), drawn_steps(network))


@DRAWN
@given(
    st.integers(1, 3),
    st.tuples(*[st.integers(1, 4)] * 2),
    st.tuples(*[st.integers(1, 3)] * 6),
    st.booleans(),
    seeds,
)
def test_any_convolution_is_the_same_to_the_bit(
    groups: int, kernel: tuple[int, int], rest: tuple[int, ...], delayed: bool, seed: int
) -> None:
    """Oblong kernels, strides, paddings, dilations, groups, down to depthwise, on oblong maps."""
    op = Conv2d(2 * groups, kernel, rest[:2], rest[2:4], (1 + rest[4] % 2, 1 + rest[5] % 2), groups)
    network = net(
        Source((groups * rest[5], 7, 9), InputKind.EVENTS),
        {"a": FixedLIF(), "out": FixedLIF(4095, 1365)},
        edge("input", "a", conv(2 * groups)),
        edge("a", "out", op, delay=int(delayed)),
    )
    model = weighted(network, np.random.default_rng(seed), 60)
    assert_same(model, sample(network, seed, batch=1 + seed % 3))


def relayed() -> Network:
    """A machine network by hand: one step per synapse, a relay without weights, a source on time."""
    relay = FixedLIF(4095, 4095, start=2)
    return net(
        PIXELS,
        {"a": FixedLIF(start=1), "b": FixedLIF(start=2), "a.relay1": relay, "out": FixedLIF(start=3)},
        edge("input", "a", *graded(conv(4)), delay=1),
        edge("input", "out", *as_bias(Flatten(), Linear(5)), delay=3),
        edge("a", "b", conv(4), delay=1),
        edge("a", "a.relay1", delay=1),
        edge("a.relay1", "out", Flatten(), Linear(5), delay=1),
        edge("b", "out", Flatten(), Linear(5), delay=1),
        timesteps=STEPS,
    )


def test_a_machine_network_with_relays_is_the_same_to_the_bit() -> None:
    model = fixed(relayed(), 11)
    model = Model(model.network, {**model.weights, "a.relay1/threshold": np.zeros(4, np.float32)})
    x = sample(model.network)
    assert 0.05 < assert_same(model, x) < 0.95
    spikes = emulate(model, x).spikes
    assert not spikes["a"][:1].any()
    assert not spikes["out"][:3].any()


@pytest.mark.parametrize("weight", [2**17 - 1, 2**17, 2**17 + 5, 3 * 2**17, -(2**17), -(2**17) - 1, 2**40])
@pytest.mark.parametrize("decay_u", [4095, 2000])
def test_currents_wrap_where_the_register_does(weight: int, decay_u: int) -> None:
    """64 a beyond +-2^23 comes back once from the other side; what is still outside saturates v."""
    network = net(
        Source((1,), InputKind.EVENTS), {"out": FixedLIF(decay_u, 1365)}, edge("input", "out", Linear(1))
    )
    model = Model(
        network,
        {
            "input>out/0/weight": np.full((1, 1), weight, np.float32),
            "out/threshold": np.full(1, 131071, np.float32),
            "out/bias": np.full(1, 37, np.float32),
        },
    )
    assert_same(model, np.ones((7, 2, 1), np.float32))


@pytest.mark.parametrize("decay_v", EXACT_DECAYS)
@pytest.mark.parametrize("step", [2**22, 2**23 - 64, -(2**23) + 64, -(2**20)])
@pytest.mark.parametrize("bias", [2**23 - 3, -77])
def test_membranes_saturate_where_the_register_does(step: int, bias: int, decay_v: int) -> None:
    """At the edge of what float32 holds, with a bias that makes odd numbers."""
    network = net(
        Source((1,), InputKind.EVENTS), {"out": FixedLIF(4095, decay_v)}, edge("input", "out", Linear(1))
    )
    model = Model(
        network,
        {
            "input>out/0/weight": np.full((1, 1), step // 64, np.float32),
            "out/threshold": np.full(1, 131071, np.float32),
            "out/bias": np.full(1, bias, np.float32),
        },
    )
    assert_same(model, np.ones((12, 1, 1), np.float32))


def test_sums_too_large_for_float32_are_exact() -> None:
    """Half a thousand large odd weights upward, then as many downward: 5 remains."""
    network = net(
        Source((1024,), InputKind.EVENTS), {"out": FixedLIF(0, 4095)}, edge("input", "out", Linear(1))
    )
    upward = np.random.default_rng(0).integers(2**22, 2**23, 512) | 1
    model = Model(
        network,
        {
            "input>out/0/weight": np.append(upward, 5 * (np.arange(512) == 0) - upward[::-1])
            .astype(np.float32)
            .reshape(1, -1),
            "out/threshold": np.ones(1, np.float32),
            "out/bias": np.zeros(1, np.float32),
        },
    )
    x = np.ones((3, 2, 1024), np.float32)
    assert_same(model, x)
    assert emulate(model, x).outputs.all()


@pytest.mark.parametrize("ops", [(Quantise(1.0, 2**18),), (Quantise(1.0, 2**19), Scale(0.5))])
def test_what_a_quantiser_lets_through_counts_in_both_directions(ops: tuple[Op, ...]) -> None:
    """Input values that wrap the current, upward and downward."""
    network = net(Source((5,)), {"out": FixedLIF(4095, 2048)}, edge("input", "out", *ops), timesteps=STEPS)
    weights = {"out/threshold": np.full(5, 9, np.float32), "out/bias": np.zeros(5, np.float32)}
    assert_same(Model(network, weights), 1.5 * np.array([[-3e5, -1.1e5, 7, 1.1e5, 3e5]], np.float32))


def test_only_what_is_asked_for_is_kept() -> None:
    model = FIXED["everything"]
    x = sample(model.network)
    found = emulate(model, x, record=["c"])
    assert list(found.spikes) == ["c", "out"]
    assert not found.voltages
    np.testing.assert_array_equal(found.outputs, simulate(model, x).outputs)
    assert list(emulate(model, x, record=[], voltages=True).voltages) == ["out"]


@pytest.mark.parametrize(
    ("name", "inputs", "timesteps", "record"),
    [
        ("chain", np.zeros((2, 3)), None, None),
        ("chain", np.zeros((0, 2, 6, 6)), None, None),
        ("chain", np.zeros((1, 2, 6, 6)), 0, None),
        ("chain", np.full((1, 2, 6, 6), np.nan), None, None),
        ("chain", np.full((1, 2, 6, 6), "x"), None, None),
        ("chain", np.zeros((1, 2, 6, 6)), None, ["input", "d"]),
        ("deep", np.zeros((3, 1, 2, 6, 6)), 4, None),
        ("deep", np.full((3, 1, 2, 6, 6), 0.5), None, None),
        ("deep", np.zeros((3, 5, 2, 6, 7)), None, None),
    ],
)
def test_unfit_inputs_are_refused_in_the_words_of_the_reference(name, inputs, timesteps, record) -> None:
    with pytest.raises(InputError) as expected:
        simulate(FIXED[name], inputs, timesteps, record)
    with pytest.raises(InputError) as found:
        emulate(FIXED[name], inputs, timesteps, record)
    assert str(found.value) == str(expected.value)


def changed(model: Model, projection: Projection, **weights: NDArray[np.float32]) -> Model:
    """Replace the projection of the same name, and weights by the name they have in Python."""
    projections = tuple(projection if p.name == projection.name else p for p in model.network.projections)
    return Model(model.network.with_projections(projections), {**model.weights, **weights})


def test_what_is_not_in_fixed_point_is_refused_by_name() -> None:
    with pytest.raises(CannotEmulateError, match=r"^network: is not in fixed point; lower it for"):
        emulate(NETWORKS["chain"], np.zeros((1, 2, 6, 6)), 2)
    model = FIXED["chain"]
    first = model.network.projections[0]
    weights = {"input>a/0/weight": model.weights["input>a/1/weight"]}
    raw = changed(model, replace(first, ops=first.ops[1:], norm=Norm()), **weights)
    broken = Model(raw.network, {**raw.weights, "b/bias": raw.weights["b/bias"] + np.float32(0.25)})
    with pytest.raises(CannotEmulateError) as caught:
        emulate(broken, sample(model.network))
    text = str(caught.value)
    assert "weights b/bias: holds values that are no integers; quantise the network" in text
    assert "projection input>a: has a norm; fold it into the weights" in text
    assert "projection input>a: sends analog values as they are; quantise the network" in text


def test_what_leaves_the_integers_is_refused_by_name() -> None:
    model = FIXED["chain"]
    first, last = model.network.projections[0], model.network.projections[-1]
    uneven = changed(model, replace(first, ops=(*first.ops, Scale(0.001))))
    with pytest.raises(CannotEmulateError, match=r"projection input>a: delivers values that are no mult"):
        emulate(uneven, sample(model.network))
    huge = changed(model, last, **{"b>out/1/weight": np.float32(2.0**60) * model.weights["b>out/1/weight"]})
    with pytest.raises(CannotEmulateError, match=r"projection b>out: has sums of weights up to .*; quant"):
        emulate(huge, sample(model.network))
