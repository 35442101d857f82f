"""Synapses by hand, and against pairs found one by one in Python loops."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from msc.ir.counts import fan_out
from msc.ir.network import Array, Model, Norm, Projection
from msc.ir.neurons import LI, LIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import projection_shapes
from msc.ir.synapses import Operation, operation, synapses, wire
from tests.counted_networks import chain, counted_run, pruned_weights
from tests.ir.brute_force import Pairs
from tests.networks import NETWORKS, conv, edge, net
from tests.strategies import models


def weights(*arrays: object, gamma: object = None) -> dict[str, Array]:
    """The weights of a projection "p", op by op (None: an op without), and its norm's gamma."""
    named = {f"p/{i}/weight": array for i, array in enumerate(arrays) if array is not None}
    if gamma is not None:
        named["p/norm/gamma"] = gamma
    return {key: np.array(array, np.float32) for key, array in named.items()}


def projection(*ops: Op, norm: Norm | None = None) -> Projection:
    return Projection("p", "a", "b", ops, norm=norm)


class TestByHand:
    def test_a_zero_tap_joins_nobody(self) -> None:
        """1x3 taps on three columns, the left one 0: each column is read by itself and, where there is one,
        by the column on its left (whose right tap it is).
        """
        found = synapses(
            projection(Conv2d(1, (1, 3), (1, 1), (0, 1))), (1, 1, 3), weights([[[[0.0, 1.0, -2.0]]]])
        )
        assert (found.structural, found.nonzero) == (7, 5)
        assert found.fan_out.tolist() == [[[1, 2, 2]]]

    def test_stride_and_groups(self) -> None:
        """Kernel 1x2, stride 2 on five columns: the last is read by none. Of each group's two outputs, the
        second of the second group has only its right weight.
        """
        kernel = [[[[1, 1]]], [[[1, 1]]], [[[1, 1]]], [[[0, 1]]]]
        found = synapses(projection(Conv2d(4, (1, 2), (1, 2), groups=2)), (2, 1, 5), weights(kernel))
        assert (found.structural, found.nonzero) == (16, 14)
        assert found.fan_out.tolist() == [[[2, 2, 2, 2, 0]], [[1, 2, 1, 2, 0]]]

    def test_dilation_along_a_line(self) -> None:
        """Two taps, one step apart, on four places: output o reads o and o + 2."""
        found = synapses(projection(Conv1d(1, 2, dilation=2)), (1, 4), weights([[[1, 0]]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (4, 2, [[1, 1, 0, 0]])

    def test_a_matrix(self) -> None:
        found = synapses(projection(Linear(2)), (3,), weights([[0, 1, 2], [0, 0, 3]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (6, 3, [0, 1, 2])

    def test_overlapping_pools_join_a_pair_once(self) -> None:
        """Windows of two columns, stride 1, then a matrix to one neuron: the middle column reaches it
        through both windows, which is one synapse; with the second window's weight 0, the last has none.
        """
        ops = projection(AvgPool2d((1, 2), (1, 1)), Flatten(), Linear(1))
        found = synapses(ops, (1, 1, 3), weights(None, None, [[1, 1]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (3, 3, [[[1, 1, 1]]])
        found = synapses(ops, (1, 1, 3), weights(None, None, [[1, 0]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (3, 2, [[[1, 1, 0]]])

    def test_a_pool_after_a_kernel_joins_a_pair_once(self) -> None:
        """Taps (1, 1) on four columns make three, pooled to one: the inner columns are read twice each."""
        found = synapses(
            projection(Conv2d(1, (1, 2)), SumPool2d((1, 3), (1, 3))), (1, 1, 4), weights([[[[1, 1]]]])
        )
        assert (found.structural, found.nonzero) == (4, 4)
        found = synapses(
            projection(Conv2d(1, (1, 2)), SumPool2d((1, 3), (1, 3))), (1, 1, 4), weights([[[[0, 1]]]])
        )
        assert (found.nonzero, found.fan_out.tolist()) == (3, [[[0, 1, 1, 1]]])

    def test_two_matrices_join_by_any_path(self) -> None:
        """Neuron 0 reaches both outputs by the first inner neuron, neuron 1 none."""
        ops = projection(Linear(2), Linear(2))
        found = synapses(ops, (2,), weights([[1, 0], [0, 1]], [[1, 0], [1, 0]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (4, 2, [2, 0])

    def test_paths_that_cancel_are_synapses(self) -> None:
        """1 x 1 + 1 x -1 = 0, yet a chip that adds both up has two synapses to add."""
        found = synapses(projection(Linear(2), Linear(1)), (1,), weights([[1], [1]], [[1, -1]]))
        assert found.nonzero == 1

    def test_depthwise_and_pointwise(self) -> None:
        """Channel 1 is dropped by its own kernel, output 0 reads channel 0 only, output 1 both."""
        ops = projection(Conv2d(2, (1, 1), groups=2), Conv2d(2, (1, 1)))
        found = synapses(ops, (2, 1, 1), weights([[[[1]]], [[[0]]]], [[[[1]], [[0]]], [[[1]], [[1]]]]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (4, 2, [[[2]], [[0]]])

    def test_the_identity_has_one_each(self) -> None:
        found = synapses(projection(), (2, 1, 2), {})
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (4, 4, [[[1, 1]], [[1, 1]]])

    def test_a_scale_of_0_cuts_everything(self) -> None:
        found = synapses(projection(Linear(2), Scale(0.0)), (3,), weights(np.ones((2, 3))))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (6, 0, [0, 0, 0])
        found = synapses(projection(Linear(2), Scale(-0.5)), (3,), weights(np.ones((2, 3))))
        assert found.nonzero == 6

    def test_a_norm_cuts_channels_of_gamma_0(self) -> None:
        """Two of three channels are kept: of a kernel, of a pool, of the identity."""
        gamma = [1.0, 0.0, 0.5]
        kernel = projection(Conv2d(3, (1, 1)), norm=Norm())
        found = synapses(kernel, (1, 1, 2), weights(np.ones((3, 1, 1, 1)), gamma=gamma))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (6, 4, [[[2, 2]]])
        pool = projection(AvgPool2d((1, 2), (1, 1)), norm=Norm())
        found = synapses(pool, (3, 1, 3), weights(gamma=gamma))
        assert (found.structural, found.nonzero) == (12, 8)
        assert found.fan_out.tolist() == [[[1, 2, 1]], [[0, 0, 0]], [[1, 2, 1]]]
        assert synapses(projection(norm=Norm()), (3,), weights(gamma=gamma)).fan_out.tolist() == [1, 0, 1]

    def test_a_norm_of_a_flattened_map_cuts_neurons(self) -> None:
        """Two rows by one tap each, flattened: gamma is 0 for the second."""
        ops = projection(Conv2d(1, (1, 1)), Flatten(), norm=Norm())
        found = synapses(ops, (1, 2, 1), weights(np.ones((1, 1, 1, 1)), gamma=[1.0, 0.0]))
        assert (found.structural, found.nonzero, found.fan_out.tolist()) == (2, 1, [[[1], [0]]])

    def test_weights_that_are_not_given_are_not_zero(self) -> None:
        for name in ("chain", "groups", "sum_pool"):
            network = NETWORKS[name].network
            wiring = wire(Model(network, {}))
            assert wiring.nonzero == wiring.structural > 0
            for each in network.projections:
                np.testing.assert_array_equal(
                    wiring.synapses[each.name].fan_out, fan_out(each, wiring.shapes[each.source])
                )

    def test_a_quantiser_joins_what_it_reads(self) -> None:
        found = synapses(projection(Quantise(2.0, 7), Linear(2), Scale(0.5)), (2,), weights(None, np.eye(2)))
        assert (found.structural, found.nonzero) == (4, 2)

    def test_wiring_adds_up(self) -> None:
        """6 x 6 maps: 2 -> 4 -> 4 channels of 3x3 and a matrix to 5: (16 x 16) x 8, x 16, 144 x 5."""
        wiring = wire(Model(NETWORKS["chain"].network, {}))
        assert wiring.structural == 256 * 8 + 256 * 16 + 720
        assert list(wiring.synapses) == ["input>a", "a>b", "b>out"]
        assert wiring.shapes == {"input": (2, 6, 6), "a": (4, 6, 6), "b": (4, 6, 6), "out": (5,)}


def test_what_an_event_costs_is_decided_by_its_source() -> None:
    for kind, first in (
        (InputKind.EVENTS, Operation.AC),
        (InputKind.ANALOG, Operation.MAC),
        (InputKind.STATIC, Operation.MAC),
    ):
        network = net(
            Source((2,), kind),
            {"a": LIF(), "b": LI(), "out": LIF()},
            edge("input", "a", Linear(2)),
            edge("a", "b", Linear(2)),
            edge("b", "out", Linear(2)),
        )
        assert [operation(network, p) for p in network.projections] == [first, Operation.AC, Operation.MAC]


def agrees(each: Projection, source: Shape, given: dict[str, Array]) -> None:
    """Hold the synapses of a projection against pairs found one by one."""
    found = synapses(each, source, given)
    joined, possible = Pairs(each, source, given), Pairs(each, source, None)
    places = list(product(*map(range, source)))
    expected = np.array([len(joined.targets(place)) for place in places]).reshape(source)
    np.testing.assert_array_equal(found.fan_out, expected, err_msg=str(each))
    assert found.nonzero == expected.sum()
    assert found.structural == sum(len(possible.targets(place)) for place in places)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_networks_join_the_pairs_found_one_by_one(first: int) -> None:
    for seed in range(first, first + 20):
        model = counted_run(seed).model
        wiring = wire(model)
        for each in model.network.projections:
            agrees(each, wiring.shapes[each.source], dict(model.weights))


@given(models())
@settings(max_examples=50)
def test_networks_of_other_tests_join_the_pairs_found_one_by_one(model: Model) -> None:
    wiring = wire(model)
    for each in model.network.projections:
        agrees(each, wiring.shapes[each.source], dict(model.weights))


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_chains_join_the_pairs_found_one_by_one(first: int) -> None:
    """Several weighted ops with pools before, between and after them."""
    for seed in range(first, first + 50):
        rng = np.random.default_rng(seed)
        sources: list[Shape] = [(5,), (3, 9), (2, 5, 6), (4, 6, 5), (2, 3, 2, 2)]
        source = sources[int(rng.integers(len(sources)))]
        ops = chain(rng, source, 6) if len(source) < 4 else (Flatten(), *chain(rng, (24,), 3))
        each = projection(*ops, norm=Norm() if rng.random() < 0.3 else None)
        agrees(
            each, source, pruned_weights(each, projection_shapes(each, source), rng, rng.choice([0.4, 0.8]))
        )


def test_large_maps_take_one_pass_over_the_weights() -> None:
    """48 channels of 32 x 32, every second weight 0: a matrix of neurons would take 2.4 GB."""
    kernel = np.ones((48, 48, 3, 3), np.float32)
    kernel[::2] = 0
    matrix = np.ones((100, 48 * 32 * 32), np.float32)
    matrix[:, ::2] = 0
    halved = kernel.copy()
    halved[:, 1::2] = 0
    tracemalloc.start()
    try:
        small = synapses(projection(conv(48)), (48, 32, 32), weights(kernel))
        dense = synapses(projection(Flatten(), Linear(100)), (48, 32, 32), {"p/1/weight": matrix})
        double = synapses(projection(conv(48), conv(48)), (48, 32, 32), weights(halved, kernel))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (small.structural, small.nonzero) == (48 * 48 * 94 * 94, 24 * 48 * 94 * 94)
    assert (dense.structural, dense.nonzero) == (100 * 48 * 1024, 100 * 48 * 512)
    assert double.nonzero == 24 * 24 * (5 * 32 - 6) ** 2
    assert peak < 64 * 2**20
