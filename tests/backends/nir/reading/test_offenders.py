"""What is no network of msc is refused with every offender, each by its name and what to do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.network import NirMeaningError, read_network
from msc.backends.nir.reading.raw import RawGraph, RawNode
from tests.backends.nir.reading.graphs import affine, chain, conv, lif, raw, read, refused, wired

FULL = np.ones
KNOWN = (
    "use Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Delay, LIF, "
    "IF, CubaLIF, LI, NIRGraph"
)


def broken() -> nir.NIRGraph:
    """A graph with an offender of most kinds."""
    varied = lif((4,))
    varied.v_threshold = np.array([0.5, 1.0, 1.0, 2.0])
    padded = nir.Conv1d(4, FULL((2, 2, 3)), 1, "same", 1, 1, FULL(2))
    padded.padding = "sane"
    nodes = {
        "a": affine(4, 3),
        "b": varied,
        "c": lif((4,), tau=5e-5),
        "d": nir.Threshold(FULL(4)),
        "e": lif((4,), v_reset=0.75),
        "f": nir.Delay(np.full(4, 2.5e-4)),
        "g": nir.Affine(np.full((4, 4), np.nan), FULL(4)),
        "h": padded,
        "k": nir.LIF(np.zeros(4), FULL(4), np.zeros(4), FULL(4)),
        "lonely": lif((4,)),
        "input2": nir.Input({"input": np.array([3])}),
    }
    path = ["input", *"abcdefghk", "output"]
    edges = [
        *pairwise(path),
        ("a", "b"),
        ("k", "nowhere"),
        ("output", "a"),
        ("k", "input2"),
    ]
    return wired((3,), (4,), edges, **nodes)


def test_all_offenders_are_listed_at_once() -> None:
    assert refused(broken()) == [
        "edge a -> b: is given twice, which NIR does not allow; give it once, or scale by 2",
        "edge k -> nowhere: there is no node nowhere; remove the edge or add the node",
        "graph: has 2 Input nodes (input, input2); msc needs exactly one",
        f"node d: its type Threshold is none that msc knows; {KNOWN}",
        "node input2: an edge leads into the input; remove the edge",
        "node lonely: no edge leads to it; connect it or remove it",
        "node output: an edge leaves the output; let it leave what feeds the output",
        "node b: v_threshold varies inside the population, from 0.5 to 2; msc has one value per population: "
        "export one population for each value",
        "node c: tau is 5e-05 s, less than one step of 0.0001 s; give a smaller --dt",
        "node e: v_reset is 0.75, above v_threshold: a neuron that fired would fire for ever; reset to a "
        "value of at most v_threshold",
        "node f: a delay of 0.00025 s is 2.5 steps of 0.0001 s; delay by a whole number of steps, or give "
        "another --dt",
        "node g: weight holds values that are not finite; repair or retrain the network",
        "node h: padding is 'sane'; give numbers, 'same' or 'valid'",
        "node k: tau is 0 s; a time constant is finite and above 0",
    ]


def test_a_file_is_refused_as_its_graph_is_and_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.nir"
    nir.write(path, broken())
    with pytest.raises(NirMeaningError) as caught:
        read_network(path)
    assert [str(problem) for problem in caught.value.problems] == [f"{path}, {x}" for x in refused(broken())]


@pytest.mark.parametrize(
    ("nodes", "edges", "told"),
    [
        ({"input": "Input"}, [], "graph: has 0 Output nodes; msc needs exactly one"),
        ({"output": "Output"}, [], "graph: has 0 Input nodes; msc needs exactly one"),
        ({}, [], "graph: has 0 Input nodes; msc needs exactly one"),
        (
            {"input": "Input", "output": "Output", "p": "Output"},
            [("input", "output"), ("input", "p")],
            "graph: has 2 Output nodes (output, p); msc needs exactly one",
        ),
        (
            {"input": "Input", "output": "Output"},
            [],
            "node output: no edge leads to it; connect it or remove it",
        ),
    ],
)
def test_one_input_and_one_output_are_needed(nodes, edges, told) -> None:
    shape = {"shape": np.array([2])}
    graph = RawGraph({name: RawNode(kind, shape, {}) for name, kind in nodes.items()}, tuple(edges), {})
    assert told in refused(graph)


def test_ends_of_subgraphs_are_checked_by_name() -> None:
    inner = nir.NIRGraph(
        {"in": nir.Input({"input": np.array([3])}), "x": lif((3,))}, [("in", "x")], type_check=False
    )
    told = refused(chain((3,), (3,), sub=inner, out=lif((3,))))
    assert "graph sub: has 0 Output nodes; msc needs exactly one" in told


def test_shapes_that_arrive_must_be_those_declared() -> None:
    nodes = {
        "c": conv(4, (2, 6, 6)),
        "l": lif((4, 5, 6)),
        "f": nir.Flatten({"input": np.array([4, 6, 6])}, 0, -1),
    }
    assert refused(chain((2, 6, 6), (7,), **nodes, a=affine(7, 144))) == [
        "node l: its parameters have shape [4, 5, 6], and [4, 6, 6] arrives; make the shapes agree"
    ]
    assert refused(chain((3,), (7,), a=affine(5, 3))) == [
        "node output: it declares shape [7], and [5] arrives; make the shapes agree"
    ]
    assert refused(chain((3,), (5,), a=affine(5, 4), l=lif((5,)))) == [
        "node a: its weight [5, 4] takes 4 values, and a signal of shape [3] arrives; flatten it before, or "
        "give the weight its size"
    ]


def test_what_meets_in_a_node_must_have_one_shape() -> None:
    edges = [("input", "a"), ("input", "b"), ("a", "l"), ("b", "l"), ("l", "output")]
    assert refused(wired((3,), (5,), edges, a=affine(5, 3), b=affine(4, 3), l=lif((5,)))) == [
        "node l: a brings shape [5], b [4]; make all inputs of a node agree"
    ]


def conv_of(**fields) -> RawGraph:
    """input [2, 6, 6] -> a convolution with these fields -> output."""
    graph = raw(chain((2, 6, 6), (4, 6, 6), c=conv(4, (2, 6, 6))))
    node = graph.nodes["c"]
    assert isinstance(node, RawNode)
    changed = RawNode(node.kind, {**node.fields, **fields}, {})
    return RawGraph({**graph.nodes, "c": changed}, graph.edges, {})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"stride": np.array([0, 1])},
            "stride is [0, 1], not 2 whole numbers of at least 1; export it again",
        ),
        ({"padding": np.array(-1)}, "padding is -1, not 2 whole numbers of at least 0; export it again"),
        ({"groups": np.array(1.5)}, "groups is 1.5, not one whole number of at least 1; export it again"),
        ({"bias": np.ones(3)}, "bias has 3 values, the weight makes 4; give one for each"),
        ({"weight": np.ones((4, 2))}, "weight has shape [4, 2], not 4 axes; export the network again"),
        ({"weight": np.full((4, 2, 1, 1), 1e39)}, "weight holds values beyond float32; scale the network"),
        ({"weight": "heavy"}, "weight is no array of numbers; export the network again"),
        ({"bias": np.zeros(0)}, "bias is empty; export the network again"),
        (
            {"input_shape": np.array([5, 6])},
            "it declares shape [5, 6], and [6, 6] arrives; make the shapes agree",
        ),
        (
            {"groups": np.array(2)},
            "its weight [4, 2, 3, 3] with groups=2 takes 4 channels, and 2 arrive; make the channels agree",
        ),
        (
            {"padding": "same", "stride": np.array(2)},
            "padding 'same' with stride [2, 2]; give the padding in numbers",
        ),
        (
            {"padding": "same", "weight": np.ones((4, 2, 2, 2)), "dilation": np.array(3)},
            "padding 'same' of a kernel of 2 with dilation 3 is one more behind than in front; use an odd "
            "kernel",
        ),
        (
            {"padding": np.array(0), "weight": np.ones((4, 2, 7, 7))},
            "Conv2d of kernel (7, 7), stride (1, 1) does not fit shape (2, 6, 6); change it or the shape of "
            "the input",
        ),
        (
            {"padding": np.array(10**6)},
            "makes a signal of shape [4, 2000004, 2000004]; make the network smaller",
        ),
    ],
)
def test_fields_that_make_no_convolution(fields, told) -> None:
    assert refused(conv_of(**fields)) == [f"node c: {told}"]


def test_a_missing_field_is_named() -> None:
    graph = conv_of()
    node = graph.nodes["c"]
    assert isinstance(node, RawNode)
    fields = {key: value for key, value in node.fields.items() if key != "weight"}
    changed = RawGraph({**graph.nodes, "c": RawNode("Conv2d", fields, {})}, graph.edges, {})
    assert refused(changed) == ["node c: Conv2d without weight; export it with weight"]


def test_scales_inside_channels_pools_and_flattens_that_msc_has_not() -> None:
    rows = np.arange(1, 73, dtype=np.float32).reshape(2, 6, 6)
    assert refused(chain((2, 6, 6), (2, 6, 6), s=nir.Scale(rows))) == [
        "node s: its scale varies inside a channel; msc has a factor for all or one per channel: use weights"
    ]
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([2, 0]))
    assert refused(chain((2, 6, 6), (2, 4, 3), p=pool)) == [
        "node p: padding [2, 0] is more than half of the kernel [2, 2]; pad less"
    ]
    flatten = nir.Flatten({"input": np.array([2, 6, 6])}, 1, -1)
    assert refused(chain((2, 6, 6), (2, 36), f=flatten)) == [
        "node f: it makes [2, 36] of [2, 6, 6], and msc flattens all axes or none; flatten from axis 0 to -1"
    ]
    many = np.arange(1, 5001, dtype=np.float32)
    assert refused(chain((5000,), (5000,), s=nir.Scale(many))) == [
        "node s: it scales each of 5000 values by its own factor; put the factors into weights: msc makes a "
        "diagonal of at most 4096"
    ]


def test_a_cycle_without_a_neuron_and_one_without_another_input() -> None:
    edges = [("input", "a"), ("a", "b"), ("b", "a"), ("a", "l"), ("l", "output")]
    graph = wired((3,), (3,), edges, a=affine(3, 3), b=affine(3, 3), l=lif((3,)))
    assert refused(graph) == ["cycle a -> b -> a: has no neuron on it; put a population on it"]
    edges = [("input", "l"), ("l", "output"), ("x", "y"), ("y", "x"), ("y", "l")]
    graph = wired((3,), (3,), edges, l=lif((3,)), x=lif((3,)), y=affine(3, 3))
    assert refused(graph) == [
        "cycle x -> y -> x: nothing else leads into it, so that no node of it can come first; connect the "
        "input to it"
    ]


def test_too_many_routes_are_counted_not_followed() -> None:
    """Each of 40 layers adds two ways: 2^40 routes would never be listed."""
    nodes, edges, last = {}, [], "input"
    for i in range(40):
        nodes |= {f"a{i}": affine(3, 3), f"b{i}": affine(3, 3), f"c{i}": affine(3, 3)}
        edges += [(last, f"a{i}"), (last, f"b{i}"), (f"a{i}", f"c{i}"), (f"b{i}", f"c{i}")]
        last = f"c{i}"
    graph = wired((3,), (3,), [*edges, (last, "l"), ("l", "output")], **nodes, l=lif((3,)))
    (told,) = refused(graph)
    assert told.startswith("graph: ")
    assert told.endswith(
        " linear nodes lead from population to population; msc makes a projection of each, at most 10000 of "
        "200000 nodes: put populations where they branch"
    )


def test_delays_longer_than_msc_keeps() -> None:
    delays = {f"d{i}": nir.Delay(np.full(3, 0.06)) for i in range(2)}
    assert refused(chain((3,), (3,), **delays, l=lif((3,)))) == [
        "node input: what it emits is delayed by 1200 steps; delay by at most 1000"
    ]
    assert refused(chain((3,), (3,), d=nir.Delay(np.full(3, 0.2)), l=lif((3,)))) == [
        "node d: a delay of 2000 steps; delay by at most 1000"
    ]
    assert refused(chain((3,), (3,), d=nir.Delay(np.array([1e-4, 1e-4, 2e-4])), l=lif((3,)))) == [
        "node d: delay varies inside the population, from 0.0001 to 0.0002; msc has one value per "
        "population: export one population for each value"
    ]


def test_signals_larger_than_anything_real() -> None:
    shape = np.array([2**20, 2**20])
    graph = RawGraph(
        {"i": RawNode("Input", {"shape": shape}, {}), "o": RawNode("Output", {"shape": shape}, {})},
        (("i", "o"),),
        {},
    )
    assert refused(graph)[0] == (
        "node i: a signal of shape [1048576, 1048576]; msc computes at most 16777216 values"
    )


def test_a_weight_that_the_file_only_declares() -> None:
    weight = np.broadcast_to(np.float32(0), (2**14, 2**14))
    graph = raw(chain((3,), (3,), l=lif((3,))))
    fields = {"weight": weight}
    nodes = {**graph.nodes, "w": RawNode("Linear", fields, {})}
    edges = (("input", "l"), ("l", "w"), ("w", "output"))
    (told,) = refused(RawGraph(nodes, edges, {}))
    assert told == "node w: weight of shape [16384, 16384] only repeats values; give at most 67108864"


@pytest.mark.parametrize("dt", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_time_step_is_positive(dt: float) -> None:
    with pytest.raises(NirMeaningError, match=r"^dt: is .* s; give a time step above 0, in seconds$"):
        read(chain((3,), (3,), l=lif((3,))), dt=dt)
