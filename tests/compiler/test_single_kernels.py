"""One kernel per projection: what a chain of ops becomes computes what the chain computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from msc.compiler.chains import Chain
from msc.compiler.contracts import CompileError
from msc.compiler.kernels import composed, fits_one_window
from msc.compiler.passes.single_kernels import PASS, NoKernelError, is_one_kernel, one_kernel
from msc.ir.network import Model, Sign
from msc.ir.neurons import LIF, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Quantise, Scale, SumPool2d, output_shape
from msc.ir.shapes import weight_shapes
from msc.ir.verify import verify_model
from tests.compiler.test_fold_pooling import build, convs, names, pools, run
from tests.fixed_networks import FIXED
from tests.networks import PIXELS, conv, edge, net, pool

sizes = st.tuples(st.integers(3, 7), st.integers(3, 7))
chains = st.one_of(
    st.lists(st.one_of(pools, convs, st.just(Scale(0.5))), max_size=3),
    st.lists(st.one_of(pools, convs), max_size=2).map(lambda maps: [*maps, Flatten()]),
    st.lists(st.one_of(pools, convs), max_size=2).map(lambda maps: [*maps, Flatten(), Linear(3)]),
    convs.map(lambda first: [first, Flatten(), Scale(2.0), Linear(3), Linear(2)]),
    st.just([AvgPool2d((2, 2), (1, 1), (1, 1)), Scale(3.0)]),
)


@settings(max_examples=150, deadline=None)
@given(ops=chains, size=sizes, seed=st.integers(0, 2**20))
def test_a_kernel_computes_the_same_integers_as_its_chain(ops, size, seed):
    """Or the chain is refused, which only happens where zeros are padded between its maps."""
    rng = np.random.default_rng(seed)
    shape = (4, *size)
    chain = build(ops, shape, rng)
    assume(chain is not None)
    assert chain is not None
    try:
        kernel = one_kernel(chain, shape)
    except NoKernelError:
        assert any(any(op.padding) for op in ops[1:] if isinstance(op, Conv2d | SumPool2d))
        return
    assert is_one_kernel(tuple(op for op, _ in kernel), shape)
    x = rng.integers(0, 2, (2, *shape)).astype(np.float64)
    assert np.array_equal(run(kernel, x), run(chain, x))


@settings(max_examples=150, deadline=None)
@given(
    groups=st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 4), (4, 4), (4, 1)]),
    kernels=st.tuples(convs, convs),
    size=sizes,
    seed=st.integers(0, 2**20),
)
def test_two_grouped_convolutions_are_one(groups, kernels, size, seed):
    """Groups that differ share a coarser grouping; a kernel of one cell keeps the other's dilation."""
    rng = np.random.default_rng(seed)
    first, second = (
        Conv2d(4, op.kernel, op.stride, op.padding, op.dilation, group)
        for op, group in zip(kernels, groups, strict=True)
    )
    chain = build([first, second], (4, *size), rng)
    assume(chain is not None and fits_one_window(first, second, (4, *size)))
    assert chain is not None
    made = composed(*chain)  # type: ignore[arg-type]
    assert made[0].groups == min(groups)
    x = rng.integers(0, 2, (2, 4, *size)).astype(np.float64)
    assert np.array_equal(run((made,), x), run(chain, x))


@pytest.mark.parametrize(
    ("ops", "shape", "expected"),
    [
        ((), (3, 4, 5), Conv2d(3, (1, 1), groups=3)),
        ((pool(AvgPool2d, 2),), (3, 4, 4), Conv2d(3, (2, 2), (2, 2), groups=3)),
        ((SumPool2d((3, 3), (2, 2)), Scale(2.0)), (3, 5, 5), Conv2d(3, (3, 3), (2, 2), groups=3)),
        ((), (5,), Linear(5)),
        ((Scale(0.5),), (5,), Linear(5)),
        ((Flatten(),), (5,), Linear(5)),
    ],
)
def test_maps_without_weights_become_diagonal(ops, shape, expected):
    ((op, weight),) = one_kernel(tuple((each, None) for each in ops), shape)
    assert op == expected
    assert weight is not None
    assert np.count_nonzero(weight) == weight.shape[0] * int(np.prod(weight.shape[2:]))


def test_a_power_of_two_pool_is_spread_over_the_matrix():
    rng = np.random.default_rng(0)
    chain = build([pool(SumPool2d, 4), Flatten(), Linear(3)], (2, 4, 4), rng)
    assert chain is not None
    kernel = one_kernel(chain, (2, 4, 4))
    assert names(kernel) == ["Flatten", "Linear"]
    assert np.array_equal(kernel[1][1], np.repeat(chain[2][1], 16, axis=1))


def test_a_matrix_too_large_is_refused_before_it_is_made():
    narrow = np.ones((200, 64), np.float32)
    chain: Chain = ((SumPool2d((64, 64), (64, 64)), None), (Flatten(), None), (Linear(200), narrow))
    with pytest.raises(NoKernelError, match="as one matrix it has 52428800 entries, more than 33554432"):
        one_kernel(chain, (64, 64, 64))


def model_of(*ops: Op, sign: Sign = Sign.FREE, source: Source = PIXELS) -> Model:
    """A source, and two populations joined by `ops` and by a convolution."""
    network = net(source, {"a": LIF(), "out": LIF()}, edge("input", "a", *ops, sign=sign), edge("a", "out"))
    weights = {name: np.ones(shape, np.float32) for name, shape in weight_shapes(network).items()}
    return Model(network, weights)


def test_everything_that_is_no_kernel_is_listed_with_its_reason():
    overlapping = SumPool2d((3, 3), (1, 1))
    network = net(
        Source((2, 6)),
        {"a": LIF(), "out": LIF()},
        edge("input", "a"),
        edge("input", "a", Scale(2.0), number=2),
        edge("a", "out", Flatten(), Linear(2)),
    )
    weights = {name: np.ones(shape, np.float32) for name, shape in weight_shapes(network).items()}
    with pytest.raises(CompileError) as caught:
        PASS.run(Model(network, weights))
    begin = [line.partition(";")[0] for line in str(caught.value).splitlines()]
    assert begin == [
        "projection input>a: identity is no single kernel: no convolution gives values of shape [2, 6]",
        "projection input>a#2: Scale is no single kernel: no convolution gives values of shape [2, 6]",
    ]
    for ops, reason in (
        ((overlapping, conv(2)), "the zero padding between its maps makes them no single convolution"),
        ((Quantise(1.0, 1), conv(2), Scale(2.0)), "it quantises between other ops"),
    ):
        with pytest.raises(CompileError, match=f"is no single kernel: {reason}; put a population between"):
            PASS.run(model_of(*ops))


def test_a_sign_that_the_only_weights_contradict_is_freed():
    """An identity called inhibitory has no weight that could be <= 0; as a kernel it has, and is >= 0."""
    model = model_of(Scale(1.0), sign=Sign.INHIBITORY)
    verify_model(model)
    made = PASS.run(model).model
    verify_model(made)
    assert [p.sign for p in made.network.projections] == [Sign.FREE, Sign.FREE]
    kept = PASS.run(model_of(Scale(-1.0), sign=Sign.INHIBITORY)).model
    assert kept.network.projections[0].sign is Sign.INHIBITORY


def test_changes_name_what_was_joined_and_what_it_became():
    result = PASS.run(model_of(pool(AvgPool2d, 2)))
    assert result.changes == (
        "input>a: AvgPool2d became a convolution 2x2",
        "a>out: identity became a convolution 1x1",
    )
    assert result.errors == {"largest_relative_weight_error": 0.0}
    flat = PASS.run(model_of(pool(SumPool2d, 2), Flatten(), Linear(3)))
    assert flat.changes[0] == "input>a: SumPool2d > Flatten > Linear became a matrix 3x72"


@pytest.mark.parametrize("name", FIXED)
def test_fixed_point_networks_keep_their_form(name):
    result = PASS.run(FIXED[name])
    assert result.model is FIXED[name]
    assert result.changes == ()


def test_a_chain_is_refused_only_where_it_must_be():
    """A padded pool that only its own padding overlaps, then a padded convolution: one window after all."""
    ops = [SumPool2d((2, 2), (2, 2)), Conv2d(2, (3, 3), padding=(1, 1))]
    rng = np.random.default_rng(0)
    for size, fits in ((6, True), (7, False)):
        chain = build(ops, (2, size, size), rng)
        assert chain is not None
        if fits:
            ((op, _),) = one_kernel(chain, (2, size, size))
            assert op == Conv2d(2, (6, 6), (2, 2), (2, 2))
            assert output_shape(op, (2, size, size)) == (2, 3, 3)
        else:
            with pytest.raises(NoKernelError):
                one_kernel(chain, (2, size, size))
