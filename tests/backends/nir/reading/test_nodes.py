"""Every kind of node, as exporters write it, computes what the second interpreter computes."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.raw import RawGraph, RawNode
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Scale, SumPool2d
from tests.backends.nir.reading.graphs import affine, chain, check, conv, lif, raw, read

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
MAP = (2, 5, 6)


def ops_of(graph: nir.NIRGraph) -> tuple[Any, ...]:
    """The ops of the only projection, checked against the second interpreter."""
    imported, trace = check(graph)
    assert trace.outputs.any()
    (projection,) = imported.model.network.projections
    return projection.ops


@pytest.mark.parametrize("padding", [0, 1, (2, 1), "valid", "same"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("size", [2, 3])
def test_convolutions(padding, groups, size) -> None:
    total = 0 if padding == "valid" else 2 * np.array(padding) if padding != "same" else size - 1
    sides = np.array(MAP[1:]) + total - size + 1
    shape = (4, *(int(n) for n in sides))
    (op,) = ops_of(chain(MAP, shape, c=conv(4, MAP, size, padding=padding, groups=groups), l=lif(shape)))
    assert isinstance(op, Conv2d)
    assert op.groups == groups
    assert op.kernel == ((3, 3) if padding == "same" else (size, size)), "a tap of zeros makes 'same' even"


@pytest.mark.parametrize("stride", [2, (1, 3)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
def test_strides_and_dilations(stride, dilation) -> None:
    node = conv(4, MAP, 3, stride=stride, dilation=dilation, bias=np.zeros(4, np.float32))
    reach = np.array(MAP[1:]) + 2 - 2 * np.array(dilation) - 1
    shape = (4, *(int(n) for n in reach // np.array(stride) + 1))
    (op,) = ops_of(chain(MAP, shape, c=node, l=lif(shape)))
    assert isinstance(op, Conv2d)


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("groups", [1, 2])
def test_one_dimension(size, groups) -> None:
    weight = (np.random.default_rng(0).integers(-4, 7, (4, 2 // groups, size)) / 8).astype(np.float32)
    node = nir.Conv1d(7, weight, 1, "same", 1, groups, np.ones(4, np.float32) / 8)
    (op,) = ops_of(chain((2, 7), (4, 7), c=node, l=lif((4, 7))))
    assert isinstance(op, Conv1d)
    assert op.padding == size // 2


@pytest.mark.parametrize(("kind", "op"), [(nir.SumPool2d, SumPool2d), (nir.AvgPool2d, AvgPool2d)])
@pytest.mark.parametrize("sizes", [(2, 2, 0), ((2, 2), (1, 2), (1, 0)), ((4, 2), (2, 2), (2, 1))])
def test_pools(kind, op, sizes) -> None:
    kernel, stride, padding = (np.broadcast_to(np.array(n), 2) for n in sizes)
    shape = (2, *(int(n) for n in (np.array(MAP[1:]) + 2 * padding - kernel) // stride + 1))
    node = kind(*(np.array(n) for n in sizes))
    assert ops_of(chain(MAP, shape, p=node, l=lif(shape, 0.4))) == (
        op(tuple(kernel.tolist()), tuple(stride.tolist()), tuple(padding.tolist())),
    )


def test_scales() -> None:
    """One factor, one per channel of a map and of a line, one per value of a vector."""
    per_channel = np.array([2.0, -0.5]).reshape(2, 1, 1) * np.ones(MAP)
    assert ops_of(chain(MAP, MAP, s=nir.Scale(np.full(MAP, 0.75)), l=lif(MAP))) == (Scale(0.75),)
    assert ops_of(chain(MAP, MAP, s=nir.Scale(np.array(0.75)), l=lif(MAP))) == (Scale(0.75),)
    assert ops_of(chain(MAP, MAP, s=nir.Scale(np.ones(MAP)), l=lif(MAP))) == ()
    assert ops_of(chain(MAP, MAP, s=nir.Scale(per_channel), l=lif(MAP))) == (Conv2d(2, (1, 1), groups=2),)
    line = nir.Scale(per_channel[:, 0])
    assert ops_of(chain((2, 6), (2, 6), s=line, l=lif((2, 6)))) == (Conv1d(2, 1, groups=2),)
    vector = nir.Scale(np.array([2.0, 0.5, -1.0]))
    assert ops_of(chain((3,), (3,), s=vector, l=lif((3,)))) == (Linear(3),)


@pytest.mark.parametrize(("start", "end"), [(0, -1), (-3, -1), (0, 2), (-3, 2)])
def test_a_full_flatten_counts_no_batch(start: int, end: int) -> None:
    flatten = nir.Flatten({"input": np.array(MAP)}, start, end)
    nodes = {"f": flatten, "a": affine(4, 60), "l": lif((4,))}
    assert ops_of(chain(MAP, (4,), **nodes)) == (Flatten(), Linear(4))


def test_flattens_that_change_nothing_are_nothing() -> None:
    vector = nir.Flatten({"input": np.array([3])}, 0, -1)
    middle = nir.Flatten({"input": np.array(MAP)}, 1, 1)
    assert ops_of(chain((3,), (3,), f=vector, l=lif((3,)))) == ()
    assert ops_of(chain(MAP, MAP, f=middle, l=lif(MAP))) == ()


def test_a_flatten_that_counts_the_batch_is_read_where_only_that_fits() -> None:
    """torch.nn.Flatten() starts at axis 1, behind the batch: exporters copied that number."""
    flatten = nir.Flatten({"input": np.array(MAP)}, 1, -1)
    imported = read(chain(MAP, (4,), f=flatten, a=affine(4, 60), l=lif((4,))))
    assert imported.model.network.projections[0].ops == (Flatten(), Linear(4))
    assert imported.notes == ("f: flattens all axes: it counts a batch axis, only so does what follows fit",)


def test_a_batch_of_one_in_the_shapes_is_left_out_where_only_that_fits() -> None:
    """norse's exporter takes the shape of its sample for that of the input."""
    nodes = {"f": nir.Flatten({"input": np.array([1, *MAP])}, 1, -1), "a": affine(4, 60), "l": lif((4,))}
    imported = read(chain((1, *MAP), (1, 4), c=conv(2, MAP), **nodes))
    assert imported.model.network.source.neuron == Source(MAP, InputKind.ANALOG)
    assert imported.notes == (
        "f: flattens all axes: it counts a batch axis, only so does what follows fit",
        "input: its shape [1, 2, 5, 6] counts a batch axis; only without it do the weights fit",
    )
    one = read(chain((1, 5), (1, 5), l=lif((1, 5))))
    assert one.model.network.source.neuron == Source((1, 5), InputKind.ANALOG)
    assert not one.notes, "this shape fits as it is"


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_parameters_of_one_value_stand_for_all(shape: tuple[int, ...]) -> None:
    imported = read(chain(MAP, MAP, c=conv(2, MAP), l=lif(shape)))
    assert imported.model.network.population("l").neuron == LIF(2.0, 1.0, 0.50000006)


def test_fields_that_older_files_lack() -> None:
    """nir 1.0.4 wrote no v_reset; w_in, bias, stride and the rest have torch's or NIR's defaults."""
    nodes = {
        "input": RawNode("Input", {"shape": np.array([2, 6, 6])}, {}),
        "c": RawNode("Conv2d", {"weight": np.ones((4, 2, 3, 3), np.float32)}, {}),
        "p": RawNode("AvgPool2d", {"kernel_size": np.array(2)}, {}),
        "f": RawNode("Flatten", {"start_dim": np.array(0)}, {}),
        "l": RawNode("CubaLIF", {n: np.full(16, 2e-4) for n in ("tau_syn", "tau_mem", "r", "v_leak")}, {}),
        "output": RawNode("Output", {"shape": np.array([16])}, {}),
    }
    cuba = nodes["l"]
    nodes["l"] = RawNode(cuba.kind, {**cuba.fields, "v_threshold": np.ones(16)}, {})
    edges = tuple(zip(("input", "c", "p", "f", "l"), ("c", "p", "f", "l", "output"), strict=True))
    from msc.backends.nir.reading.network import interpret

    model = interpret(RawGraph(nodes, edges, {})).model
    (projection,) = model.network.projections
    assert projection.ops == (Conv2d(4, (3, 3)), AvgPool2d((2, 2), (2, 2)), Flatten())
    assert (model.network.population("l").neuron.v_reset, model.network.population("l").neuron.w_in) == (0, 1)


def test_float64_weights_are_rounded_and_named() -> None:
    graph = chain((3,), (4,), a=nir.Linear(np.full((4, 3), 0.1)), b=nir.Linear(np.ones((4, 4))), l=lif((4,)))
    imported = read(graph)
    assert imported.notes == ("a weight: rounded to float32",)
    assert imported.model.weights["input>l/0/weight"].dtype == np.float32


def test_whole_numbers_are_weights_too() -> None:
    model = read(chain((3,), (4,), a=nir.Linear(np.ones((4, 3), np.int8)), l=lif((4,)))).model
    np.testing.assert_array_equal(model.weights["input>l/0/weight"], np.ones((4, 3), np.float32))


def test_edges_straight_through_are_identities() -> None:
    graph = chain((3,), (3,))
    imported, trace = check(graph)
    assert trace.outputs.dtype == np.float64
    assert imported.model.network.output == "readout"
    assert raw(graph).edges == (("input", "output"),)
