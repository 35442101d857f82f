"""Shapes follow from the source; the arrays a network needs follow from the shapes."""

import numpy as np
import pytest
from hypothesis import given, settings

from msc.ir.network import Model, Norm, NormKind
from msc.ir.neurons import LI, LIF, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, Shape, SumPool2d, output_shape
from msc.ir.shapes import ShapeError, neuron_count, population_shapes, weight_shapes
from tests.dyadic import run, sample_input
from tests.networks import NETWORKS, conv, edge, net
from tests.strategies import rounding_models


@pytest.mark.parametrize(
    ("op", "shape", "expected"),
    [
        (Conv2d(4, (3, 3)), (2, 8, 9), (4, 6, 7)),
        (Conv2d(4, (3, 5), (2, 1), (1, 2)), (2, 8, 9), (4, 4, 9)),
        (Conv2d(4, (3, 3), dilation=(2, 3)), (2, 8, 9), (4, 4, 3)),
        (Conv2d(4, (5, 5), (4, 4), (2, 2)), (2, 7, 7), (4, 2, 2)),
        (AvgPool2d((2, 2), (2, 2)), (2, 7, 8), (2, 3, 4)),
        (SumPool2d((3, 3), (2, 2), (1, 1)), (2, 7, 8), (2, 4, 4)),
        (Linear(5), (9,), (5,)),
        (Flatten(), (2, 3, 4), (24,)),
        (Scale(0.5), (2, 3, 4), (2, 3, 4)),
    ],
)
def test_each_op(op: Op, shape: Shape, expected: Shape) -> None:
    assert output_shape(op, shape) == expected


@pytest.mark.parametrize("size", range(1, 20))
@pytest.mark.parametrize("reductions", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
def test_every_path_over_reductions_agrees(size: int, reductions: int, kernel: int) -> None:
    """Stride 2^k with padding size//2 gives ceil(n / 2^k), as k strides of 2 do."""
    once = output_shape(conv(1, kernel, stride=2**reductions), (1, size, size))
    stepwise: Shape = (1, size, size)
    for _ in range(reductions):
        stepwise = output_shape(conv(1, 3, stride=2), stepwise)
    assert once == stepwise == (1, -(-size // 2**reductions), -(-size // 2**reductions))


def test_names_and_shapes_of_all_weights() -> None:
    network = net(
        Source((2, 6, 6)),
        {"a": LIF(), "out": LI()},
        edge("input", "a", conv(4, groups=2), norm=Norm()),
        edge("a", "a", conv(4, 1), delay=1, norm=Norm(NormKind.SCALE)),
        edge("a", "out", AvgPool2d((2, 2), (2, 2)), Flatten(), Linear(5)),
    )
    assert population_shapes(network) == {"input": (2, 6, 6), "a": (4, 6, 6), "out": (5,)}
    assert neuron_count(network) == 4 * 36 + 5
    assert weight_shapes(network) == {
        "a/bias": (4,),
        "out/bias": (5,),
        "input>a/0/weight": (4, 1, 3, 3),
        "input>a/norm/gamma": (4,),
        "input>a/norm/mean": (4,),
        "input>a/norm/var": (4,),
        "a>a/0/weight": (4, 4, 1, 1),
        "a>a/norm/gamma": (4,),
        "a>a/norm/var": (4,),
        "a>out/2/weight": (5, 36),
    }


def test_a_population_fed_only_late_takes_its_shape_from_there() -> None:
    assert population_shapes(NETWORKS["feedback"].network)["i"] == (4, 6, 6)


def test_lists_all_misfits() -> None:
    network = net(
        Source((2, 4, 4)),
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", Linear(3)),
        edge("input", "b", conv(3)),
        edge("input", "b", number=2),
        edge("a", "out"),
    )
    with pytest.raises(ShapeError) as caught:
        population_shapes(network)
    assert [problem.where for problem in caught.value.problems] == [
        "projection input>a",
        "projection input>b#2",
        "population a",
        "population out",
    ]


@given(rounding_models())
@settings(max_examples=15)
def test_what_is_simulated_has_the_computed_shapes(model: Model) -> None:
    shapes = population_shapes(model.network)
    trace = run(model, sample_input(model.network, batch=2))
    for name, membranes in trace.membranes.items():
        assert membranes.shape[2:] == shapes[name] == trace.spikes[name].shape[2:]
        assert np.isfinite(membranes).all()
