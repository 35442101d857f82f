"""What the NIR target writes: names in update order, readable delays, exact bytes, clear refusals."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.nir.files import ReadBackError, check, write_bytes
from msc.backends.nir.graph import build
from msc.backends.nir.neurons import seconds
from msc.compiler.contracts import CompileError
from msc.compiler.driver import compile_model
from msc.ir.graph import update_order
from msc.ir.network import Model, Population
from msc.ir.neurons import IF, LI, LIF, CubaLIF, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, SumPool2d
from tests.dyadic import dyadic
from tests.networks import NETWORKS, NORMED, conv, edge, net

PIXELS = Source((2, 6, 6))
LAST = edge("b", "out", Flatten(), Linear(5))


def emitted(model: Model, tmp_path: Path, profile: str = "rt") -> nir.NIRGraph:
    path = tmp_path / "network.nir"
    path.write_bytes(TARGET.emit(model, {"profile": profile}).files[FILE_NAME])
    return nir.read(path)


def by_population(graph: nir.NIRGraph) -> dict[str, str]:
    return {n.metadata["population"]: name for name, n in graph.nodes.items() if "population" in n.metadata}


def expressible() -> list[str]:
    return [n for n, m in NETWORKS.items() if not TARGET.refusals(m, {})]


def feedback(*extra, ops=None) -> Model:
    """input -> a -> b -> out with extra projections."""
    neurons = {"a": LIF(), "b": LIF(), "out": LIF()}
    chain = (edge("input", "a", conv(4)), edge("a", "b", conv(4)), LAST)
    return dyadic(net(PIXELS, neurons, *chain, *extra, timesteps=4))


@pytest.mark.parametrize("profile", ["rt", "r1"])
@pytest.mark.parametrize("name", expressible())
def test_alphabetical_order_is_update_order(name, profile, tmp_path) -> None:
    """Simulators step nodes in the order of names, which is the only order a NIR file keeps."""
    model = NETWORKS[name]
    graph = emitted(model, tmp_path, profile)
    names = sorted(graph.nodes)
    assert names[0] == "input"
    assert names[-1] == "output"
    assert not any("." in n for n in names)
    nodes = by_population(graph)
    order = [nodes[population] for population in update_order(model.network) if population in nodes]
    assert order == sorted(order)
    delayed = {p.name for p in model.network.projections if p.delay}
    ends = {p.name: (nodes[p.source], nodes[p.target]) for p in model.network.projections}
    for source, target in graph.edges:
        chain = graph.nodes[source].metadata.get("projection", "")
        if target in nodes.values() and (chain in delayed or chain.endswith("#closing")):
            assert source > target, f"{source} is read one step late only if it sorts after {target}"
            assert source > max(ends.get(chain, ("", "")))
        elif target != "output":
            assert source < target
    assert [t for _, t in graph.edges].count("output") == 1


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in expressible()])
def test_what_is_refused_is_refused_for_its_delays(name) -> None:
    """No fixture may be refused for another reason than the delays NIR cannot say."""
    problems = TARGET.refusals(NETWORKS[name], {})
    late = {f"projection {p.name}" for p in NETWORKS[name].network.projections if p.delay}
    assert {p.where for p in problems} <= late


def test_feedback_is_a_plain_edge_with_no_bias(tmp_path) -> None:
    graph = emitted(feedback(edge("b", "a", conv(4), delay=1)), tmp_path)
    nodes = by_population(graph)
    feeders = [source for source, target in graph.edges if target == nodes["a"]]
    back = next(name for name in feeders if graph.nodes[name].metadata["projection"] == "b>a")
    assert (nodes["b"], back) in graph.edges
    assert not graph.nodes[back].bias.any()
    assert not any("anchor" in n or "closing" in n for n in graph.nodes)


def test_a_population_with_delayed_inputs_only_gets_an_all_zero_anchor_with_its_bias(tmp_path) -> None:
    model = NETWORKS["feedback"]
    graph = emitted(model, tmp_path)
    anchor = next(node for name, node in graph.nodes.items() if name.endswith("_anchor"))
    assert not anchor.weight.any()
    np.testing.assert_array_equal(anchor.bias, model.weights["i/bias"])


def test_a_delay_on_no_cycle_is_closed_by_an_all_zero_projection_back(tmp_path) -> None:
    model = feedback(edge("a", "b", conv(4, 1), delay=1, number=2))
    graph = emitted(model, tmp_path)
    closing = [n for n in graph.nodes.values() if str(n.metadata.get("projection", "")) == "b>a#closing"]
    assert len(closing) == 1
    assert not closing[0].weight.any()


def test_identity_edges_are_raw_once_and_convolutions_after(tmp_path) -> None:
    chain = (edge("input", "a", conv(4)), edge("a", "b"), edge("a", "b", number=2), LAST)
    network = net(PIXELS, {"a": LIF(), "b": LIF(), "out": LIF()}, *chain)
    quiet = tuple(Population(p.name, p.neuron, p.name != "b") for p in network.populations)
    model = dyadic(type(network)(quiet, network.projections, "out", 4))
    graph = emitted(model, tmp_path)
    nodes = by_population(graph)
    assert (nodes["a"], nodes["b"]) in graph.edges
    second = next(n for n in graph.nodes.values() if n.metadata.get("projection") == "a>b#2")
    np.testing.assert_array_equal(second.weight, np.eye(4)[:, :, None, None])
    r1 = emitted(model, tmp_path, "r1")
    firsts = [n.weight for n in r1.nodes.values() if n.metadata.get("projection") in ("a>b", "a>b#2")]
    assert [w[0, 0, 0, 0] for w in firsts] == [2.0, 2.0], "r = 1 puts the resistance 2 into both edges"


def test_neurons_keep_their_equation_in_both_profiles(tmp_path) -> None:
    neurons = {
        "a": LIF(tau=4.0, r=2.0, v_threshold=0.75, v_reset=-0.5, v_leak=0.25),
        "b": CubaLIF(tau_syn=4.0, tau_mem=2.0, r=1.0, w_in=2.0),
        "c": IF(r=0.5),
        "out": LI(tau=4.0, r=2.0),
    }
    ends = (edge("input", "a", conv(4)), edge("a", "b", conv(4)), edge("b", "c", conv(4)))
    model = dyadic(net(PIXELS, neurons, *ends, edge("c", "out", Flatten(), Linear(5)), timesteps=4))
    for profile in ("rt", "r1"):
        graph = emitted(model, tmp_path, profile)
        nodes = {name: graph.nodes[node] for name, node in by_population(graph).items()}
        steps = graph.metadata["dt"]
        weights = {n.metadata["projection"]: n.weight for n in graph.nodes.values() if hasattr(n, "weight")}
        lif, cuba = nodes["a"], nodes["b"]
        assert lif.tau.dtype == np.float64
        assert (lif.tau / steps == 4.0).all()
        assert (lif.r == (4.0 if profile == "rt" else 1.0)).all()
        assert (lif.v_reset == -0.5).all()
        assert (lif.v_leak == 0.25).all()
        assert (lif.v_threshold == np.nextafter(np.float32(0.75), np.float32(0))).all()
        assert lif.v_threshold.shape == (4, 6, 6)
        np.testing.assert_array_equal(
            weights["input>a"] * lif.r[0, 0, 0], 2.0 * model.weights["input>a/0/weight"]
        )
        assert (cuba.w_in * steps == cuba.tau_syn).all()
        assert (cuba.r * steps == cuba.tau_mem).all()
        np.testing.assert_array_equal(weights["a>b"], model.weights["a>b/0/weight"] * 0.25)
        assert (nodes["c"].r * steps == 1).all()
        np.testing.assert_array_equal(weights["b>c"], model.weights["b>c/0/weight"] * 0.5)
        assert isinstance(nodes["out"], nir.LI)


@pytest.mark.parametrize("tau", [1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 4 / 3])
def test_common_time_constants_survive_the_conversion_to_seconds(tau) -> None:
    assert seconds(tau) / 1e-4 == tau


def test_lone_pools_and_scales_become_diagonal_convolutions(tmp_path) -> None:
    ends = (
        edge("input", "a", conv(4)),
        edge("a", "b", AvgPool2d((3, 3), (1, 1), (1, 1)), Scale(0.5)),
        edge("a", "b", SumPool2d((2, 2), (1, 1), (0, 0)), Conv2d(4, (2, 2), padding=(1, 1)), number=2),
    )
    model = dyadic(net(PIXELS, {"a": LIF(), "b": LIF(), "out": LIF()}, *ends, LAST, timesteps=4))
    graph = emitted(model, tmp_path)
    lone = next(n for n in graph.nodes.values() if n.metadata.get("projection") == "a>b")
    expected = np.eye(4)[:, :, None, None] * np.ones((3, 3)) * np.float32(0.5 / 9)
    np.testing.assert_array_equal(lone.weight, expected.astype(np.float32))
    assert any(isinstance(n, nir.SumPool2d) for n in graph.nodes.values()), "a pool of 4 before weights stays"


def test_every_offender_is_listed_and_nothing_is_written() -> None:
    model = feedback(
        edge("b", "a", conv(4), delay=2),
        edge("input", "b", conv(4), delay=1),
        edge("a", "b", Conv2d(4, (2, 3), padding=(1, 1)), Conv2d(4, (2, 1)), number=2),
    )
    with pytest.raises(CompileError) as caught:
        TARGET.emit(model, {})
    assert [str(problem) for problem in caught.value.problems] == [
        "projection b>a: delay 2: no simulator reads delays from NIR, cycles give 1 step; use a delay of 1, "
        "or relay the spikes through a population for each further step",
        "projection input>b: a delay of 1 from the input, which lies on no cycle: NIR cannot say it; "
        "drop the delay, or delay the input data by one step",
        "projection a>b#2: the kernel (2, 3) is not square, and no zero padding makes it square (NIR infers "
        "a wrong shape for such kernels); use a square kernel, or sides that differ by an even number",
    ]
    assert TARGET.refusals(model, {}) == caught.value.problems


def test_a_signal_of_four_axes_is_refused_where_it_needs_weights() -> None:
    network = net(
        Source((2, 3, 1, 1)),
        {"a": LIF(tau=2, r=1), "out": LIF()},
        edge("input", "a"),
        edge("a", "out", Flatten(), Linear(5)),
        timesteps=3,
    )
    (problem,) = TARGET.refusals(dyadic(network), {})
    assert str(problem) == (
        "projection input>a: it needs weights on a signal of shape (2, 3, 1, 1), and NIR has them for [N], "
        "[C, L] and [C, H, W]; reshape the input to one of these"
    )


@pytest.mark.parametrize("profile", ["rt", "r1"])
def test_same_model_same_bytes(profile, monkeypatch) -> None:
    first = TARGET.emit(NETWORKS["parallel"], {"profile": profile}).files
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert TARGET.emit(NETWORKS["parallel"], {"profile": profile}).files == first


@pytest.mark.parametrize("name", NORMED)
def test_models_with_norms_compile_or_are_refused_by_name(name) -> None:
    if max(projection.delay for projection in NORMED[name].network.projections) > 1:
        with pytest.raises(CompileError, match="delay 2: no simulator reads delays"):
            compile_model(lambda: NORMED[name], TARGET, {})
    else:
        assert compile_model(lambda: NORMED[name], TARGET, {}).files[FILE_NAME][:4] == b"\x89HDF"


def tamper(path: Path, change) -> None:
    with h5py.File(path, "r+") as file:
        change(file["node"])


TAMPERINGS = {
    "a weight": lambda node: node["nodes"][first(node, "conv2d")]["weight"].__setitem__((0, 0, 0, 0), 99),
    "a threshold": lambda node: node["nodes"][first(node, "lif")]["v_threshold"].__setitem__((0, 0, 0), 9),
    "a stride": lambda node: node["nodes"][first(node, "conv2d")]["stride"].__setitem__(0, 2),
    "a node": lambda node: node["nodes"].move(first(node, "lif"), "zz"),
    "the edges": lambda node: node["edges"].__setitem__((0, 0), "output"),
    "the metadata": lambda node: node["metadata"]["dt"].__setitem__((), 1e-3),
    "a field": lambda node: node["nodes"][first(node, "lif")].pop("v_reset"),
}


def first(node, kind: str) -> str:
    return next(name for name in node["nodes"] if f"_{kind}_" in name)


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_comparison_after_writing_finds(what, tmp_path) -> None:
    graph, _ = build(NETWORKS["chain"], "rt")
    path = tmp_path / "network.nir"
    path.write_bytes(write_bytes(graph))
    check(path, graph)
    tamper(path, TAMPERINGS[what])
    with pytest.raises(ReadBackError, match="does not hold"):
        check(path, graph)


def test_writing_never_holds_a_second_copy_of_the_weights() -> None:
    """nir.NIRGraph.to_dict alone makes two; here a node at a time is made, written and compared."""
    import tracemalloc

    ends = [edge(f"p{i}", f"p{i + 1}", conv(128)) for i in range(8)]
    names = {f"p{i}": LIF() for i in range(1, 9)}
    network = net(Source((2, 4, 4)), names, edge("input", "p0", conv(128)), *ends[1:], output="p8")
    populations = (*network.populations[:1], Population("p0", LIF()), *network.populations[1:])
    network = type(network)(populations, (edge("input", "p0", conv(128)), *ends), "p8", 2)
    rng = np.random.default_rng(0)
    from msc.ir.shapes import weight_shapes

    weights = {k: rng.standard_normal(s, dtype=np.float32) for k, s in weight_shapes(network).items()}
    size = sum(array.nbytes for array in weights.values())
    for profile in ("rt", "r1"):
        tracemalloc.start()
        data = TARGET.emit(Model(network, weights), {"profile": profile}).files[FILE_NAME]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - len(data) < 0.5 * size


def test_chains_are_joined_end_to_end(tmp_path) -> None:
    graph = emitted(NETWORKS["sum_pool"], tmp_path)
    edges = set(graph.edges)
    chains: dict[str, list[str]] = {}
    for name, node in sorted(graph.nodes.items()):
        if "projection" in node.metadata:
            chains.setdefault(node.metadata["projection"], []).append(name)
    for chain in chains.values():
        assert all(pair in edges for pair in pairwise(chain))
