"""Cycles are cut where NIRTorch's interpreter reads a step late, which depends on names and wiring alone."""

from __future__ import annotations

import io
from collections.abc import Iterator

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.cuts import cut
from msc.backends.simulators.contracts import CannotRunError, NirSimulator
from msc.backends.simulators.workers import Workers
from msc.backends.verification import simulators
from msc.ir.simulate import simulate
from tests.backends.nir.reading.graphs import affine, analog, chain, check, lif, read, refused, wired
from tests.backends.nir.reading.random_graphs import random_graph, random_input
from tests.requires import require

LOOP = [("input", "f"), ("f", "n"), ("n", "w"), ("w", "n"), ("n", "output")]


def late(names: str, edges: str, holding: str = "") -> set[str]:
    found = cut(sorted(names), [(e[0], e[1]) for e in edges.split()], names[0], set(holding))
    assert not found.stuck
    return {"".join(edge) for edge in found.late}


def test_the_order_of_names_decides_where() -> None:
    """i -> n <-> w -> o: whichever of n and w has another input reads late, but only n has one here."""
    assert late("inwo", "in nw wn no") == {"wn"}
    assert late("izao", "iz za az zo") == {"az"}
    assert late("inwo", "in iw nw wn no") == {"wn"}, "n comes first"
    assert late("izwo", "iz iw zw wz zo") == {"zw"}, "w comes first"


def test_a_node_with_one_input_waits() -> None:
    assert late("iabo", "ia ba ab bo") == {"ba"}
    assert late("ibao", "ia ba ab bo") == {"ba"}


def test_two_inputs_that_both_come_later_are_both_read_late() -> None:
    assert late("iabco", "ia ba ca ab bc co") == {"ba", "ca"}


def test_self_connections() -> None:
    assert late("iao", "ia aa ao") == {"aa"}


def test_a_cycle_through_a_delay_needs_no_cut() -> None:
    assert late("iado", "ia ad da ao", "d") == set()
    assert late("iado", "ia ad da ao") == {"da"}


def test_a_cycle_that_nothing_enters_is_stuck() -> None:
    found = cut("iabo", [("i", "o"), ("a", "b"), ("b", "a"), ("b", "o")], "i", ())
    assert found.stuck == ("a", "b", "o")


def test_what_is_cut_is_a_delay_of_one_step_and_told() -> None:
    imported, _ = check(
        wired((3,), (3,), LOOP, f=affine(3, 3), n=lif((3,)), w=affine(3, 3, bias=False, seed=1))
    )
    delays = {p.name: p.delay for p in imported.model.network.projections}
    assert delays == {"input>n": 0, "n>n": 1}
    assert imported.notes == ("w -> n: read one step late: the order of names cuts a cycle here",)


def test_a_delay_in_the_cycle_is_the_only_delay() -> None:
    edges = [*LOOP[:2], ("n", "d"), ("d", "w"), *LOOP[3:]]
    nodes = {"f": affine(3, 3), "n": lif((3,)), "w": affine(3, 3, bias=False, seed=1)}
    for steps in (1, 3):
        imported, _ = check(wired((3,), (3,), edges, **nodes, d=nir.Delay(np.full(3, steps * 1e-4))))
        assert {p.name: p.delay for p in imported.model.network.projections} == {"input>n": 0, "n>n": steps}
        assert not imported.notes
    imported, _ = check(wired((3,), (3,), edges, **nodes, d=nir.Delay(np.zeros(3))))
    assert {p.name: p.delay for p in imported.model.network.projections} == {"input>n": 0, "n>n": 1}


def test_a_subgraph_is_one_node_whose_own_cycles_are_its_own() -> None:
    inner = {"i": nir.Input({"input": np.array([3])}), "o": nir.Output({"output": np.array([3])})}
    inner |= {"n": lif((3,), 0.75), "w": affine(3, 3, bias=False, seed=2)}
    edges = [("i", "n"), ("n", "w"), ("w", "n"), ("n", "o")]
    sub = nir.NIRGraph(inner, edges, type_check=False)
    outer = [("input", "sub"), ("sub", "b"), ("b", "sub"), ("b", "output")]
    imported, _ = check(wired((3,), (3,), outer, sub=sub, b=lif((3,))))
    assert imported.notes == (
        "b -> sub: read one step late: the order of names cuts a cycle here",
        "sub.w -> sub.n: read one step late: the order of names cuts a cycle here",
    )
    ends = {(p.source, p.target): p.delay for p in imported.model.network.projections}
    assert ends == {("input", "sub.n"): 0, ("sub.n", "b"): 0, ("b", "sub.n"): 1, ("sub.n", "sub.n"): 1}


def test_a_subgraph_behind_a_delay_needs_no_cut_around_it() -> None:
    inner = chain((3,), (3,), d=nir.Delay(np.full(3, 1e-4)), w=affine(3, 3, bias=False, seed=2))
    outer = [("input", "b"), ("b", "sub"), ("sub", "b"), ("b", "output")]
    imported, _ = check(wired((3,), (3,), outer, sub=inner, b=lif((3,))))
    assert not imported.notes
    assert [p.delay for p in imported.model.network.projections] == [0, 1]


def test_neurons_in_a_cycle_that_the_input_does_not_reach_keep_their_effect() -> None:
    """A loop of neurons that leak above their threshold fires by itself; it gets a projection of zeros."""
    edges = [("input", "l"), ("l", "output"), ("x", "y"), ("y", "x"), ("x", "x"), ("y", "l")]
    nodes = {"x": lif((3,), v_leak=1.5), "y": lif((3,), v_leak=1.0), "l": lif((3,))}
    graph = wired((3,), (3,), [*edges[:5], ("y", "w"), ("w", "l")], w=affine(3, 3, bias=False), **nodes)
    imported, trace = check(graph)
    assert trace.spikes["y"].any()
    assert imported.notes[-1] == ("x: the input does not reach it; it gets an all-zero projection from there")
    assert not imported.model.weights["input>x/0/weight"].any()


def test_a_part_whose_shape_nothing_tells_is_refused() -> None:
    edges = [("input", "l"), ("l", "output"), ("x", "x"), ("y", "x"), ("x", "y"), ("y", "l")]
    graph = wired((3,), (3,), edges, x=lif(()), y=lif(()), l=lif((3,)))
    assert refused(graph) == [
        "node x: the input does not reach it, and nothing tells its shape; connect the input to it, or give "
        "its parameters their full shape"
    ]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    require("nirtorch")
    with Workers(seconds=60) as pool:
        yield pool


def test_nirtorch_itself_reads_late_where_the_reader_says(workers: Workers) -> None:
    """Random cyclic graphs with random names, every population spike for spike."""
    chosen = simulators()["nirtorch"]
    assert isinstance(chosen, NirSimulator)
    compared = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, delays=False, nested=False)
        imported = read(graph)
        if not any("read one step late" in note for note in imported.notes):
            continue
        inputs = random_input(rng, graph, steps=6)
        file = io.BytesIO()
        nir.write(file, graph)
        try:
            found = workers.run(chosen, file.getvalue(), inputs, len(inputs))
        except CannotRunError:
            continue  # at first it takes what is late for one number, and not every node takes that
        trace = simulate(imported.model, inputs)
        assert imported.model.network.output in found
        for name, values in found.items():
            if name in trace.spikes:
                np.testing.assert_allclose(values, trace.spikes[name], rtol=1e-4, atol=1e-4, err_msg=name)
        compared += 1
    assert compared >= 10


def test_names_out_of_the_order_of_the_wiring_change_the_meaning(workers: Workers) -> None:
    """Facts call it e_long_badnames: with other names the same wiring gives other spikes, here and there."""
    names = {"lif1": ("b_lif1", "m_lif1"), "conv2": ("c_conv2", "y_conv2"), "lif2": ("d_lif2", "b_lif2")}
    names |= {"fb": ("e_fb", "a_fb"), "conv1": ("a_conv1", "z_conv1")}
    wiring = [("input", "conv1"), ("conv1", "lif1"), ("lif1", "conv2"), ("conv2", "lif2"), ("input", "lif2")]
    wiring += [("lif2", "fb"), ("fb", "lif1"), ("lif2", "output")]
    nodes = {n: affine(4, 4, bias=False, seed=i) for i, n in enumerate(("conv1", "conv2", "fb"))}
    nodes |= {n: lif((4,)) for n in ("lif1", "lif2")}
    chosen = simulators()["nirtorch"]
    assert isinstance(chosen, NirSimulator)
    outputs = []
    for place in (0, 1):
        told = {name: spelled[place] for name, spelled in names.items()}
        edges = [(told.get(a, a), told.get(b, b)) for a, b in wiring]
        graph = wired((4,), (4,), edges, **{told[name]: node for name, node in nodes.items()})
        _, trace = check(graph, seed=3)
        file = io.BytesIO()
        nir.write(file, graph)
        found = workers.run(chosen, file.getvalue(), analog((4,), seed=3), 8)
        for name, spikes in trace.spikes.items():
            np.testing.assert_array_equal(found[name], spikes, err_msg=name)
        outputs.append(trace.outputs)
    assert (outputs[0] != outputs[1]).any()
