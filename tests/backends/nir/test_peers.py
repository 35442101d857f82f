"""Simulators of NIR refuse, of any file, what they would quietly run wrongly, and run the rest as it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import pytest

from msc.backends.simulators.contracts import CannotRunError, NirSimulator
from msc.backends.simulators.worker import unfit
from msc.backends.simulators.workers import Workers
from msc.backends.verification import simulators
from msc.ir.simulate import simulate
from tests.backends.nir.reading.graphs import affine, analog, chain, conv, lif, read, wired
from tests.requires import require

SHAPE = (4,)
MAP = (2, 6, 6)


def full(value: float) -> np.ndarray:
    return np.full(SHAPE, value)


def peer(name: str) -> NirSimulator:
    require(name)
    found = simulators()[name]
    assert isinstance(found, NirSimulator)
    return found


def pool(padding: int) -> nir.SumPool2d:
    return nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([padding, padding]))


def recurrent(*, resistance: float = 2.0) -> nir.NIRGraph:
    edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")]
    return wired(SHAPE, SHAPE, edges, n=lif(SHAPE, r=resistance), w=affine(4, 4, bias=False))


REFUSED = [
    ("norse", chain(SHAPE, SHAPE, l=lif(SHAPE, r=2.0)), "l: r is not 1, and norse ignores it"),
    (
        "norse",
        chain(SHAPE, SHAPE, l=nir.IF(full(1.0), full(1.0))),
        "l: r is not 10000, and norse ignores it",
    ),
    (
        "norse",
        chain(SHAPE, SHAPE, l=lif(SHAPE, v_leak=0.25)),
        "l: v_leak is not 0, which norse does not import faithfully",
    ),
    (
        "norse",
        chain(SHAPE, SHAPE, sub=chain(SHAPE, SHAPE, l=lif(SHAPE, v_reset=0.25))),
        "sub.l: v_reset is not 0, which norse does not import faithfully",
    ),
    ("norse", chain(MAP, (2, 4, 4), p=pool(1)), "p: norse ignores the padding of a SumPool2d"),
    ("snntorch", chain(MAP, (2, 4, 4), p=pool(1)), "p: snnTorch ignores the padding of a SumPool2d"),
    ("spikingjelly", chain(MAP, (2, 4, 4), p=pool(1)), "p: SpikingJelly ignores the padding of a SumPool2d"),
    (
        "snntorch",
        chain(SHAPE, SHAPE, l=nir.IF(full(1.0), full(1.0))),
        "l: snnTorch makes a leaky neuron of an IF",
    ),
    (
        "snntorch",
        chain(SHAPE, SHAPE, l=lif(SHAPE, r=-2.0)),
        "l: r or w_in is not above 0, and snnTorch puts them into the threshold",
    ),
    ("snntorch", recurrent(), "the loop n <-> w: snnTorch rewrites such a pair into another network"),
    (
        "spikingjelly",
        chain(SHAPE, SHAPE, l=lif(SHAPE, v_reset=0.25)),
        "l: v_reset is not 0, and SpikingJelly starts membranes at v_reset",
    ),
]


@pytest.mark.parametrize(("name", "graph", "told"), REFUSED)
def test_what_would_be_run_wrongly_is_refused(name: str, graph: nir.NIRGraph, told: str) -> None:
    assert peer(name).cannot(graph) == told


def test_a_graph_on_which_nirtorch_would_hang_or_mix_names_up_is_refused() -> None:
    nodes = {"a.b": lif(SHAPE), "a_b": lif(SHAPE)}
    assert unfit(chain(SHAPE, SHAPE, **nodes)) == "a.b and a_b: NIRTorch gives both nodes one name"
    graph = chain(SHAPE, SHAPE, l=lif(SHAPE))
    assert unfit(graph) is None
    graph.nodes["more"] = graph.nodes["output"]
    assert unfit(graph) == "2 Output nodes: NIRTorch needs one"


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    require("nirtorch")
    with Workers(seconds=60) as pool_of_workers:
        yield pool_of_workers


def run(workers: Workers, name: str, graph: nir.NIRGraph, inputs: np.ndarray) -> dict[str, Any]:
    file = io.BytesIO()
    nir.write(file, graph)
    return workers.run(peer(name), file.getvalue(), inputs, len(inputs))


def same(workers: Workers, name: str, graph: nir.NIRGraph, seed: int = 0) -> set[str]:
    """Compare every population that the simulator shows; returns their names."""
    imported = read(graph)
    inputs = analog(imported.model.network.source.neuron.shape, seed=seed)
    trace = simulate(imported.model, inputs)
    assert trace.outputs.any()
    found = run(workers, name, graph, inputs)
    for population, values in found.items():
        np.testing.assert_allclose(values, trace.spikes[population], rtol=1e-5, atol=1e-6, err_msg=population)
    assert imported.model.network.output in found
    return set(found)


ANY = chain(
    MAP,
    (3,),
    c=conv(4, MAP, 2, padding="same", groups=2),
    l=lif((4, 6, 6), r=3.0, v_leak=0.25, v_reset=-0.5),
    s=nir.Scale(np.full((4, 6, 6), -0.5)),
    p=nir.SumPool2d(np.array([3, 3]), np.array([2, 2]), np.array([1, 1])),
    m=nir.IF(np.full((4, 3, 3), 5000.0), np.full((4, 3, 3), -0.25), np.full((4, 3, 3), -0.5)),
    a=nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0])),
    f=nir.Flatten({"input": np.array([4, 2, 2])}, 0, -1),
    w=affine(3, 16),
    **{"1": lif((3,), 0.25)},
)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_nirtorch_with_our_nodes_runs_every_kind(workers: Workers) -> None:
    assert same(workers, "nirtorch", ANY) == {"l", "m", "_1"}
    line = nir.Conv1d(6, np.ones((4, 1, 2), np.float32), 1, 1, 2, 2, np.ones(4, np.float32) / 4)
    assert same(workers, "nirtorch", chain((2, 6), (4, 6), c=line, l=lif((4, 6)))) == {"l"}


@pytest.mark.parametrize("name", ["nirtorch", "norse", "snntorch", "spikingjelly"])
def test_names_subgraphs_batches_and_scalars_of_others_run(workers: Workers, name: str) -> None:
    """Flatten from axis 0, pools of one number, dots and keywords in names, a subgraph, a second branch."""
    r = 1.0 if name == "norse" else 2.0
    inner = chain((4, 6, 6), (4, 6, 6), n=lif((4, 6, 6), r=r), w=conv(4, (4, 6, 6), seed=2))
    flat = nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1)
    pool = (nir.AvgPool2d if name == "snntorch" else nir.SumPool2d)(2, 2, 0)
    # After "input" and in the order of the wiring: NIRTorch fails on a subgraph that it has to put off.
    nodes = {"j.c": conv(4, MAP, 3), "lambda": lif((4, 6, 6), r=r), "m": inner, "n": lif((4, 6, 6), r=r)}
    nodes["p"] = pool
    edges = [("input", "j.c"), ("j.c", "lambda"), ("lambda", "m"), ("m", "n"), ("lambda", "n"), ("n", "p")]
    edges += [("p", "z.f"), ("z.f", "z.w"), ("z.w", "zz"), ("zz", "output")]
    nodes |= {"z.f": flat, "z.w": affine(3, 36), "zz": lif((3,), r=r)}
    graph = wired(MAP, (3,), edges, **nodes)
    assert same(workers, name, graph) == {"lambda", "m.n", "n", "zz"}


@pytest.mark.parametrize("name", ["nirtorch", "norse", "snntorch", "spikingjelly"])
def test_a_membrane_at_the_threshold_does_not_fire_anywhere(workers: Workers, name: str) -> None:
    """NIR's v > v_threshold, which SpikingJelly would take for >=."""
    node = lif(SHAPE, 1.0, 2e-4, r=1.0 if name == "norse" else 2.0)
    inputs = np.full((2, 1, 4), 2.0 if name == "norse" else 1.0, np.float32)
    graph = chain(SHAPE, SHAPE, l=node)
    expected = simulate(read(graph).model, inputs).outputs
    np.testing.assert_array_equal(expected[:, 0, 0], [0, 1])
    np.testing.assert_array_equal(run(workers, name, graph, inputs)["l"], expected)


def test_an_output_without_a_neuron_is_the_readout(workers: Workers) -> None:
    graph = chain(SHAPE, (3,), l=lif(SHAPE), w=affine(3, 4))
    assert same(workers, "nirtorch", graph) == {"l", "readout"}


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        (chain(SHAPE, SHAPE, d=nir.Delay(full(1e-4)), l=lif(SHAPE)), "Unknown node type .*Delay"),
        (chain(SHAPE, SHAPE, l=nir.LIF(*[np.ones(n) for n in (4, 4, 4, 4)], np.zeros(4))), None),
    ],
)
def test_what_nirtorch_does_not_know_it_refuses_itself(workers: Workers, graph, told) -> None:
    inputs = analog(SHAPE)
    if told is None:
        assert run(workers, "nirtorch", graph, inputs)["l"].shape == (8, 2, 4)
        return
    with pytest.raises(CannotRunError, match=told):
        run(workers, "nirtorch", graph, inputs)
