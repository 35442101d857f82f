"""Branches, sums, outputs without a neuron, parts that matter to nobody: what becomes a projection."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.naming import population_names
from msc.backends.nir.reading.network import interpret
from msc.backends.nir.reading.raw import RawGraph, RawNode
from msc.backends.nir.reading.shown import shown_populations
from msc.ir.neurons import LI, InputKind
from tests.backends.nir.reading.graphs import affine, chain, check, conv, ends, lif, read, wired

MAP = (2, 5, 6)


def test_every_route_is_a_projection() -> None:
    """Two populations into one matrix into two others: four."""
    edges = [("input", "a"), ("input", "b"), ("a", "w"), ("b", "w"), ("w", "c"), ("w", "d"), ("c", "d")]
    nodes = {n: lif((3,)) for n in "abcd"}
    imported, _ = check(wired((3,), (3,), [*edges, ("d", "output")], w=affine(3, 3), **nodes))
    names = [p.name for p in imported.model.network.projections]
    assert names == ["input>a", "input>b", "a>c", "b>c", "a>d", "b>d", "c>d"]
    weights = imported.model.weights
    for name in ("b>c", "a>d", "b>d"):
        np.testing.assert_array_equal(weights[f"{name}/0/weight"], weights["a>c/0/weight"])


def test_parallel_routes_are_numbered() -> None:
    edges = [("input", "a"), ("a", "b"), ("a", "w"), ("w", "b"), ("b", "output")]
    imported, _ = check(wired((3,), (3,), edges, a=lif((3,)), b=lif((3,)), w=affine(3, 3)))
    assert [p.name for p in imported.model.network.projections] == ["input>a", "a>b", "a>b#2"]


@pytest.mark.parametrize(
    ("edges", "nodes"),
    [
        ([("input", "output")], {}),
        ([("input", "w"), ("w", "output")], {"w": affine(3, 3)}),
        ([("input", "a"), ("a", "w"), ("w", "output")], {"a": lif((3,)), "w": affine(3, 3)}),
        ([("input", "a"), ("a", "output"), ("input", "output")], {"a": lif((3,))}),
        ([("input", "a"), ("a", "d"), ("d", "output")], {"a": lif((3,)), "d": nir.Delay(np.full(3, 2e-4))}),
    ],
)
def test_an_output_that_no_population_alone_feeds_is_read_out(edges, nodes) -> None:
    imported, trace = check(wired((3,), (3,), edges, **nodes))
    network = imported.model.network
    assert network.output == "readout"
    assert network.population("readout").neuron == LI(tau=1.0, r=1.0)
    assert imported.notes[-1] == (
        "output: no population alone feeds it; readout, an LI of one step, emits the sum it gets"
    )
    assert trace.outputs.any()


def test_what_emits_a_membrane_needs_no_readout() -> None:
    imported, _ = check(chain((3,), (3,), l=nir.LI(np.full(3, 2e-4), np.ones(3), np.zeros(3))))
    assert imported.model.network.output == "l"


def test_what_does_not_reach_the_output_is_left_out_and_told() -> None:
    edges = [("input", "l"), ("l", "output"), ("l", "dead"), ("dead", "deader"), ("deader", "dead")]
    imported, _ = check(wired((3,), (3,), edges, l=lif((3,)), dead=lif((3,)), deader=affine(3, 3)))
    assert [p.name for p in imported.model.network.populations] == ["input", "l"]
    assert imported.notes == (
        "dead: left out, it does not reach the output",
        "deader: left out, it does not reach the output",
    )


def test_nested_subgraphs_open_with_dotted_names() -> None:
    inner = chain((3,), (3,), n=lif((3,)), w=affine(3, 3, bias=False))
    outer = chain((3,), (3,), a=affine(3, 3), inner=inner)
    imported, _ = check(chain((3,), (3,), outer=outer, last=lif((3,))))
    assert [p.name for p in imported.model.network.populations] == ["input", "outer.inner.n", "last"]


def test_a_dotted_name_and_a_subgraph_stay_apart() -> None:
    inner = chain((3,), (3,), b=lif((3,)))
    imported = read(chain((3,), (3,), a=inner, **{"a.b": lif((3,), 0.75)}))
    names = [p.name for p in imported.model.network.populations]
    assert len(set(names)) == 3
    assert {"a.b", "a.b_"} == set(names[1:])


def test_names_are_made_fit_and_unique() -> None:
    nodes = {"input": {}, "1": {}, "_1": {}, "a b": {}, "a-b": {}, "output": {}, "été": {}}
    assert list(population_names(nodes).values()) == [
        "input",
        "_1",
        "_1_2",
        "a_b",
        "a_b_2",
        "output_2",
        "_t_",
    ]


@pytest.mark.parametrize("written", ["", "output", "1st", "a b", "x" * 300, "../up", "twice", 5, np.ones(3)])
def test_names_in_the_metadata_count_only_where_proper_and_unique(written: object) -> None:
    nodes = {
        "n1": {"population": "layer.A"},
        "n2": {"population": written},
        "n3": {"population": "twice"},
        "n4": {"population": "twice"},
    }
    assert population_names(nodes) == {"n1": "layer.A", "n2": "n2", "n3": "n3", "n4": "n4"}


def test_an_own_name_gives_way_to_one_that_was_written() -> None:
    assert population_names({"a": {}, "b": {"population": "a"}}) == {"a": "a_2", "b": "a"}


@pytest.mark.parametrize(
    ("kind", "written", "found"),
    [
        (None, None, InputKind.ANALOG),
        (None, "events", InputKind.EVENTS),
        (None, "static", InputKind.STATIC),
        (None, "moonlight", InputKind.ANALOG),
        (InputKind.EVENTS, "static", InputKind.EVENTS),
    ],
)
def test_the_kind_of_input_is_the_callers_or_the_files(kind, written, found) -> None:
    graph = chain((3,), (3,), l=lif((3,)))
    graph.nodes["input"].metadata = {"kind": written} if written else {}
    assert read(graph, kind=kind).model.network.source.neuron.kind is found


@pytest.mark.parametrize(
    ("written", "found"), [(6, 6), (0, None), (-3, None), (2.5, None), (1e12, None), ("6", None)]
)
def test_the_number_of_steps_is_read_where_it_is_one(written: object, found: int | None) -> None:
    graph = chain((3,), (3,), l=lif((3,)))
    graph.metadata = {"timesteps": written}
    assert read(graph).model.network.timesteps == found


def test_maps_stay_maps() -> None:
    imported, _ = check(chain(MAP, (4, 5, 6), c=conv(4, MAP), l=lif((4, 5, 6))))
    assert imported.model.network.source.neuron.shape == MAP


def test_simulators_show_populations_under_the_names_that_reading_gives() -> None:
    inner = chain((3,), (3,), n=lif((3,)), w=affine(3, 3, bias=False))
    named = lif((3,))
    named.metadata = {"population": "layer.A"}
    nodes = {"1": lif((3,)), "sub": inner, "named": named, "w": affine(3, 3)}
    for last, output in (({}, "readout"), ({"x": lif((3,))}, "x")):
        graph = chain((3,), (3,), **nodes, **last)
        shown, out = shown_populations(graph)
        network = read(graph).model.network
        assert {*shown.values(), "input", "readout"} >= {p.name for p in network.populations}
        assert out == network.output == output
        assert shown["sub", "n"] == "sub.n"
        assert shown["named",] == "layer.A"


def test_a_graph_without_one_output_shows_nothing() -> None:
    graph = nir.NIRGraph(
        {**ends((3,), (3,)), "p": ends((3,), (3,))["output"]}, [("input", "output")], type_check=False
    )
    with pytest.raises(ValueError, match="not one Input and one Output"):
        shown_populations(graph)


def test_what_a_file_only_declares_takes_no_memory() -> None:
    """2 x 256 MiB of one value, which cost a file a few bytes."""
    weight = RawNode("Linear", {"weight": np.broadcast_to(np.float32(0.5), (8192, 8192))}, {})
    wide = {"shape": np.array([8192])}
    nodes = {"a": RawNode("Input", wide, {}), "b": weight, "c": weight, "d": RawNode("Output", wide, {})}
    tracemalloc.start()
    imported = interpret(RawGraph(nodes, (("a", "b"), ("b", "c"), ("c", "d")), {}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27
    assert imported.model.weights["a>readout/1/weight"].shape == (8192, 8192)


def test_names_that_go_against_a_long_chain_are_followed_in_its_order() -> None:
    """Round after round of waiting, one node each: a queue would turn two million times."""
    count = 2000
    scalars = {"tau": 2e-4, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.5}
    neuron = RawNode("LIF", {name: np.array(value) for name, value in scalars.items()}, {})
    names = [f"n{count - i:04}" for i in range(count)]
    shape = {"shape": np.array([1])}
    nodes = {"in": RawNode("Input", shape, {}), "out": RawNode("Output", shape, {})}
    nodes |= dict.fromkeys(names, neuron)
    path = ["in", *names, "out"]
    network = interpret(RawGraph(dict(sorted(nodes.items())), tuple(pairwise(path)), {})).model.network
    assert [p.name for p in network.populations] == path[:-1]
