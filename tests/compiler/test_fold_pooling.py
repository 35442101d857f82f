"""Folding pools and scales: the folded chain computes what the chain computed, to the bit on integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.compiler.chains import Chain
from msc.compiler.passes.fold_pooling import fold_chain
from msc.ir.linear import apply_ops
from msc.ir.network import Projection
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d, output_shape, weight_shape


def run(chain: Chain, x: np.ndarray) -> np.ndarray:
    projection = Projection("p", "a", "b", tuple(op for op, _ in chain))
    weights = {projection.weight_key(i): w for i, (_, w) in enumerate(chain) if w is not None}
    return apply_ops(projection, weights, x)


def build(ops: list[Op], shape: tuple[int, ...], rng: np.random.Generator) -> Chain | None:
    """Give a chain integer weights; None where the ops do not fit the shape."""
    links = []
    for op in ops:
        try:
            following = output_shape(op, shape)
        except ValueError:
            return None
        wanted = weight_shape(op, shape)
        links.append((op, None if wanted is None else rng.integers(-5, 6, wanted).astype(np.float32)))
        shape = following
    return tuple(links)


def names(chain: Chain) -> list[str]:
    return [type(op).__name__ for op, _ in chain]


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(st.integers(0, 1), st.integers(0, 1))
pools = st.builds(SumPool2d, pairs, pairs, paddings).filter(
    lambda p: all(2 * pad <= k for pad, k in zip(p.padding, p.kernel, strict=True))
)
convs = st.builds(
    Conv2d, st.sampled_from([2, 4]), pairs, pairs, paddings, st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from([1, 2]),
)  # fmt: skip
bodies = st.one_of(
    st.tuples(pools, convs).map(list),
    st.tuples(convs, pools).map(list),
    st.tuples(pools, convs, pools).map(list),
    pools.map(lambda pool: [pool, Flatten(), Linear(3)]),
    st.tuples(convs, pools).map(lambda pair: [Scale(0.5), *pair, Flatten(), Linear(3)]),
    convs.map(lambda conv: [AvgPool2d((2, 2), (2, 2)), conv, Scale(4.0)]),
)


@settings(max_examples=300, deadline=None)
@given(ops=bodies, size=st.tuples(st.integers(3, 8), st.integers(3, 8)), seed=st.integers(0, 2**20))
def test_a_folded_chain_computes_the_same_integers(ops, size, seed):
    rng = np.random.default_rng(seed)
    shape = (4, *size)
    chain = build(ops, shape, rng)
    if chain is None:
        return
    x = rng.integers(0, 2, (2, *shape)).astype(np.float64)
    folded = fold_chain(chain, shape)
    assert np.array_equal(run(folded, x), run(chain, x))
    assert not {"Scale", "AvgPool2d"} & set(names(folded))


def test_a_pool_before_an_unpadded_conv_becomes_one_conv():
    rng = np.random.default_rng(0)
    chain = build([SumPool2d((2, 2), (2, 2)), Conv2d(3, (3, 3))], (2, 8, 8), rng)
    assert chain is not None
    ((conv, _),) = fold_chain(chain, (2, 8, 8))
    assert conv == Conv2d(3, (6, 6), (2, 2))


def test_the_snasnet_neck_becomes_one_strided_conv():
    rng = np.random.default_rng(0)
    chain = build([Conv2d(4, (3, 3), padding=(1, 1)), AvgPool2d((2, 2), (2, 2))], (2, 8, 8), rng)
    assert chain is not None
    ((conv, _),) = fold_chain(chain, (2, 8, 8))
    assert conv == Conv2d(4, (4, 4), (2, 2), (1, 1))


def test_a_pool_whose_border_the_padding_would_change_stays():
    """An overlapping pool before a padded conv: one conv would read input where the chain read zeros."""
    rng = np.random.default_rng(0)
    chain = build([SumPool2d((3, 3), (1, 1)), Conv2d(2, (3, 3), padding=(1, 1))], (2, 6, 6), rng)
    assert chain is not None
    assert fold_chain(chain, (2, 6, 6)) is chain


def test_a_power_of_two_pool_before_a_linear_stays_and_another_is_spread():
    rng = np.random.default_rng(0)
    for side, expected in ((4, ["SumPool2d", "Flatten", "Linear"]), (5, ["Flatten", "Linear"])):
        pool = SumPool2d((side, side), (side, side))
        chain = build([pool, Scale(0.25), Flatten(), Linear(3)], (2, side, side), rng)
        assert chain is not None
        assert names(fold_chain(chain, (2, side, side))) == expected


def test_a_chain_without_weights_is_left_alone():
    chain: Chain = ((AvgPool2d((3, 3), (1, 1), (1, 1)), None), (Scale(0.5), None))
    assert fold_chain(chain, (2, 6, 6)) is chain
