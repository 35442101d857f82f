"""Merging parallel projections into one kernel."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.compiler.passes.merge_parallel import PASS
from msc.ir.network import Model, Network, Population, Projection, Sign
from msc.ir.neurons import IF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import simulate
from msc.ir.verify import verify


def model_of(chains: list[tuple[tuple[Op, ...], int, Sign]], shape=(2, 6, 6), seed=0) -> Model:
    """Two populations joined by the given parallel (ops, delay, sign), with integer weights."""
    projections = tuple(
        Projection(f"a>b#{i}", "a", "b", ops, sign, delay) for i, (ops, delay, sign) in enumerate(chains)
    )
    network = Network(
        (
            Population("input", Source(shape, InputKind.EVENTS)),
            Population("a", IF(), bias=False),
            Population("b", IF(v_threshold=3.0)),
        ),
        (Projection("input>a", "input", "a"), *projections),
        "b",
    )
    verify(network)
    rng = np.random.default_rng(seed)
    weights = {}
    for name, wanted in weight_shapes(network).items():
        values = rng.integers(-3, 4, wanted).astype(np.float32)
        inhibitory = any(p.sign is Sign.INHIBITORY and name.startswith(f"{p.name}/") for p in projections)
        weights[name] = -np.abs(values) if inhibitory else values
    return Model(network, weights)


def assert_same_spikes(before: Model, after: Model, seed: int = 0) -> None:
    shape = before.network.source.neuron.shape
    x = np.random.default_rng(seed).integers(0, 2, (5, 3, *shape)).astype(np.float32)
    a, b = simulate(before, x, membranes=True), simulate(after, x, membranes=True)
    assert np.array_equal(a.membranes["b"], b.membranes["b"])


def conv(k: int, stride: int = 1, channels: int = 2, padding: int | None = None) -> tuple[Op, ...]:
    pad = k // 2 if padding is None else padding
    return (Conv2d(channels, (k, k), (stride, stride), (pad, pad)),)


def test_1x1_3x3_5x5_and_identity_become_one_5x5():
    before = model_of([((), 0, Sign.FREE), *((conv(k), 0, Sign.FREE) for k in (1, 3, 5))])
    result = PASS.run(before)
    (merged,) = result.model.network.into("b")
    assert merged.ops == conv(5)
    assert merged.name == "a>b#0"
    assert len(result.changes) == 3
    assert_same_spikes(before, result.model)


def test_the_identity_lands_on_the_centre():
    before = model_of([((), 0, Sign.FREE), (conv(3), 0, Sign.FREE)])
    weight = PASS.run(before).model.weights["a>b#0/0/weight"]
    expected = before.weights["a>b#1/0/weight"].copy()
    expected[0, 0, 1, 1] += 1
    expected[1, 1, 1, 1] += 1
    assert np.array_equal(weight, expected)


def test_other_delays_strides_and_groups_stay_apart():
    for chains in (
        [(conv(3), 0, Sign.FREE), (conv(3), 1, Sign.FREE)],
        [(conv(3), 0, Sign.FREE), ((Conv2d(2, (3, 3), padding=(1, 1), groups=2),), 0, Sign.FREE)],
    ):
        before = model_of(chains)
        assert PASS.run(before).model.network == before.network


def test_signs_meet_as_free_and_stay_where_equal():
    mixed = PASS.run(model_of([(conv(3), 0, Sign.FREE), (conv(1), 0, Sign.INHIBITORY)])).model.network
    equal = PASS.run(model_of([(conv(3), 0, Sign.INHIBITORY), (conv(1), 0, Sign.INHIBITORY)])).model.network
    assert mixed.into("b")[0].sign is Sign.FREE
    assert equal.into("b")[0].sign is Sign.INHIBITORY


def test_linear_maps_add_up_with_the_identity():
    for chains in (
        [((Linear(6),), 0, Sign.FREE), ((), 0, Sign.FREE)],
        [((), 0, Sign.FREE), ((), 0, Sign.FREE)],
    ):
        before = model_of(chains, shape=(6,))
        after = PASS.run(before).model
        assert len(after.network.into("b")) == 1
        assert_same_spikes(before, after)
    before = model_of([((Flatten(), Linear(4)), 0, Sign.FREE), ((Flatten(), Linear(4)), 0, Sign.FREE)])
    after = PASS.run(before).model
    assert after.network.into("b")[0].ops == (Flatten(), Linear(4))
    assert_same_spikes(before, after)


@st.composite
def parallel(draw):
    """Convolutions that agree on the output map: stride s, kernels 1, 3, 5 with dilation, 'same' padding."""
    stride = draw(st.sampled_from([1, 2]))
    chains = []
    for _ in range(draw(st.integers(2, 4))):
        kernel, dilation = draw(st.sampled_from([1, 3, 5])), draw(st.sampled_from([1, 1, 2]))
        pad = dilation * (kernel // 2)
        op = Conv2d(2, (kernel, kernel), (stride, stride), (pad, pad), (dilation, dilation))
        chains.append(((op,), draw(st.integers(0, 1)), Sign.FREE))
    if stride == 1 and draw(st.booleans()):
        chains.append(((), 0, Sign.FREE))
    return chains


@settings(max_examples=60, deadline=None)
@given(chains=parallel(), seed=st.integers(0, 1000))
def test_merging_keeps_every_membrane(chains, seed):
    before = model_of(chains, shape=(2, 7, 5), seed=seed)
    result = PASS.run(before)
    assert_same_spikes(before, result.model, seed)
    again = PASS.run(result.model)
    assert again.model.network == result.model.network
