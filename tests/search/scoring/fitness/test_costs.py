"""Rate, synaptic operations and parameters, by hand and against counting one by one."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from msc.ir.counts import count, fan_out
from msc.ir.linear import apply_ops
from msc.ir.network import Network, Projection
from msc.ir.neurons import LI, LIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Shape, SumPool2d, weight_shape
from msc.ir.shapes import population_shapes, projection_shapes
from msc.search.scoring.fitness.params import params
from msc.search.scoring.fitness.rate import rate
from msc.search.scoring.fitness.synops import synops
from tests.ir.test_counts import CHAINS
from tests.networks import NORMED, STRUCTURES, conv, edge, net
from tests.search.genomes import network_of
from tests.search.sample_genomes import random_genomes
from tests.search.scoring.fitness.spikes import BY_HAND, Spikes, evidence


def reached(ops: tuple[Op, ...], source: Shape) -> np.ndarray:
    """How many neurons an impulse of each neuron reaches with every weight 1, one after another."""
    projection = Projection("p", "a", "b", ops)
    shapes = projection_shapes(projection, source)
    weights = {
        projection.weight_key(i): np.ones(shape, np.float32)
        for i, op in enumerate(ops)
        if (shape := weight_shape(op, shapes[i])) is not None
    }
    impulses = np.eye(prod(source)).reshape(-1, *source)
    delivered = apply_ops(projection, weights, impulses).reshape(prod(source), -1)
    return np.count_nonzero(delivered, axis=1).reshape(source)


OVERLAPPING: list[tuple[Shape, tuple[Op, ...]]] = [
    ((2, 4, 4), (conv(3), Flatten(), Linear(5))),
    ((4, 6, 5), (conv(6, 3, 2, groups=2), conv(4), SumPool2d((2, 2), (1, 1)), Flatten(), Linear(3))),
    ((1, 5, 5), (Conv2d(2, (2, 2), (3, 3)), Flatten(), Linear(3))),
    ((3, 5, 5), (AvgPool2d((3, 3), (1, 1), (1, 1)), conv(2))),
]


@pytest.mark.parametrize(("source", "ops"), CHAINS + OVERLAPPING, ids=str)
def test_fan_out_is_what_an_impulse_reaches(source: Shape, ops: tuple[Op, ...]) -> None:
    np.testing.assert_array_equal(fan_out(Projection("p", "a", "b", ops), source), reached(ops, source))


def test_fan_out_at_the_border_by_hand() -> None:
    """3x3 on a 3 x 3 map to 2 channels: a corner is read by 4 places, an edge by 6, the centre by 9."""
    found = fan_out(Projection("p", "a", "b", (conv(2),)), (1, 3, 3))
    assert found.tolist() == [[[8, 12, 8], [12, 18, 12], [8, 12, 8]]]


def test_fan_out_of_strides_and_groups_by_hand() -> None:
    """Stride 2 without padding over 4 columns: places 0..1 and 2..3 are read once by kernel 2.

    Two groups: each of the 2 channels feeds 3 of 6.
    """
    found = fan_out(Projection("p", "a", "b", (Conv2d(6, (1, 2), (1, 2), groups=2),)), (2, 1, 5))
    assert found.tolist() == [[[3, 3, 3, 3, 0]], [[3, 3, 3, 3, 0]]]


def branching(kind: InputKind) -> Network:
    """A dense map of 4 to 3 neurons a, which branches into b (dense, 5) and c (identity, a step later)."""
    return net(
        Source((4,), kind),
        {"a": LIF(), "b": LIF(), "c": LIF(), "out": LIF()},
        edge("input", "a", Linear(3)),
        edge("a", "b", Linear(5)),
        edge("a", "c", delay=1),
        edge("b", "out", Linear(2)),
        edge("c", "out", Linear(2)),
    )


def branching_batch() -> dict[str, Spikes]:
    """Neurons a fire 3, 1, 2 times over two samples (T = 2), half of it in the first step; b 4 times."""
    a: Spikes = np.array([[[1, 0, 1], [1, 0, 0]], [[1, 0, 0], [0, 1, 1]]], np.float32)
    b: Spikes = np.zeros((2, 2, 5), np.float32)
    b[0, :, :2] = 1
    return {"a": a, "b": b, "c": np.zeros((2, 2, 3), np.float32), "out": np.ones((2, 2, 2), np.float32)}


def test_synops_by_hand() -> None:
    """a's 6 spikes reach 5 neurons each, its 3 of the first step one more: the delay carries the others past
    the end. b's 4 reach 2 each: (30 + 3 + 8) / 2 samples. The output's spikes travel nowhere.
    """
    assert synops(evidence(branching_batch(), network=branching(InputKind.EVENTS))) == 20.5


def test_synops_count_events_of_the_input_and_not_its_values() -> None:
    """Three events over both samples reach 3 neurons each; as many values of a frame are multiplied."""
    events: Spikes = np.zeros((2, 2, 4), np.float32)
    events[0, 0, :2] = events[1, 1, 3] = 1
    found = evidence(branching_batch(), network=branching(InputKind.EVENTS), inputs=[events])
    assert synops(found) == 20.5 + 9 / 2
    frames: Spikes = np.ones((2, 4), np.float32)
    found = evidence(branching_batch(), network=branching(InputKind.STATIC), inputs=[frames])
    assert synops(found) == 20.5


def test_synops_count_every_spike_where_it_is() -> None:
    """Random spikes: each sent alone through its projections with weights of one, if it arrives in time."""
    network = STRUCTURES["parallel_feedback"]
    shapes = population_shapes(network)
    rng = np.random.default_rng(0)
    batch = {n: (rng.random((3, 4, *shapes[n])) < 0.3).astype(np.float32) for n in ("a", "out")}
    assert {p.delay for p in network.projections} == {0, 1, 2}
    events = sum(
        int((spikes[: 3 - p.delay] * reached(p.ops, shapes[name])).sum())
        for name, spikes in batch.items()
        for p in network.out_of(name)
    )
    assert synops(evidence(batch, network=network)) == events / 4


def test_silence_costs_no_synops() -> None:
    batch = {"a": np.zeros((2, 2, 4, 6, 6), np.float32), "b": np.zeros((2, 2, 4, 6, 6), np.float32)}
    assert synops(evidence(batch, network=STRUCTURES["chain"])) == 0


def test_rate_by_hand() -> None:
    """6 spikes of 3 neurons over 2 steps and 2 samples: 0.5; with 9 silent neurons besides: 6/48."""
    assert rate(evidence({"a": BY_HAND})) == 0.5
    silent: Spikes = np.zeros((2, 2, 9), np.float32)
    assert rate(evidence({"a": BY_HAND, "b": silent})) == pytest.approx(0.125, rel=1e-14)


def test_params_by_hand() -> None:
    """2 -> 4 channels of 3x3: 72, 4 -> 4: 144, 4 x 6 x 6 -> 5: 720; biases 4 + 4 + 5."""
    assert params(evidence(network=STRUCTURES["chain"])) == 72 + 144 + 720 + 13


def test_norms_are_folded_and_count_nothing() -> None:
    assert params(evidence(network=NORMED["batch"].network)) == 949


def test_membrane_outputs_have_biases_and_pools_no_weights() -> None:
    network = net(
        Source((1, 4, 4)),
        {"a": LIF(), "out": LI()},
        edge("input", "a", conv(2), Conv2d(3, (1, 1), groups=1)),
        edge("a", "out", Flatten(), Linear(2)),
    )
    assert params(evidence(network=network)) == 18 + 6 + 3 + 96 + 2


def test_params_agree_with_the_counts_of_projections() -> None:
    for genome in random_genomes():
        network = network_of(genome)
        shapes = population_shapes(network)
        weights = sum(count(p, shapes[p.source]).weights for p in network.projections)
        biases = sum(shapes[p.name][0] for p in network.populations if p.bias and not p.is_source)
        assert params(evidence(network=network)) == weights + biases
