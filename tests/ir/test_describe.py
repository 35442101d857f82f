"""What is said about a network: complete, true, stable, and bounded where cycles cannot be counted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import permutations
from math import prod
from pathlib import Path

import numpy as np
import pytest

from msc.ir.describe import acts, cycles, describe_network, neuron_text
from msc.ir.graph import cyclic_projections, update_order
from msc.ir.network import Model, Norm, NormKind, Projection
from msc.ir.neurons import IF, LIF, InputKind, Source
from msc.ir.ops import Conv1d, Conv2d, Linear, Scale
from msc.ir.shapes import neuron_count, population_shapes, weight_shapes
from tests.networks import NETWORKS, NORMED, edge, net

ROOT = Path(__file__).parent.parent.parent
MODELS = {**NETWORKS, **NORMED}
each_model = pytest.mark.parametrize("name", MODELS)


@each_model
def test_description_is_true_of_the_network(name: str) -> None:
    model = MODELS[name]
    network = model.network
    found = describe_network(model)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == describe_network(model)
    assert [p["name"] for p in found["populations"]] == list(update_order(network))
    assert {p["name"]: tuple(p["shape"]) for p in found["populations"]} == population_shapes(network)
    assert [p["name"] for p in found["projections"]] == [p.name for p in network.projections]
    sizes = {key: prod(shape) for key, shape in weight_shapes(network).items()}
    totals = found["totals"]
    assert totals["neurons"] == neuron_count(network) == sum(p["neurons"] for p in found["populations"])
    assert totals["weights"] == sum(size for key, size in sizes.items() if key.endswith("/weight"))
    assert totals["biases"] == sum(size for key, size in sizes.items() if key.endswith("/bias"))
    assert totals["synapses"] == sum(p["synapses"] for p in found["populations"])
    assert sum(found["acting"].values()) == totals["synapses"]
    assert sum(p["projections"] for p in found["populations"]) == totals["projections"]
    on_cycles = {
        (a, b) for cycle in found["cycles"] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True)
    }
    cyclic = cyclic_projections(network)
    assert on_cycles == {(p.source, p.target) for p in network.projections if p.name in cyclic}
    assert found["all_cycles"]


def test_neurons_are_written_with_their_parameters() -> None:
    found = describe_network(NETWORKS["if"])
    texts = {p["name"]: neuron_text(p["neuron"]) for p in found["populations"]}
    assert texts == {
        "input": "Source emits=static",
        "a": "IF r=1.0 v_threshold=1.0 v_reset=0.0",
        "out": "IF r=1.0 v_threshold=2.0 v_reset=0.0",
    }


ONE = Projection("p", "a", "b", (Conv2d(1, (1, 1)),))
SCALED = replace(ONE, ops=(Scale(-0.5), Conv2d(1, (1, 1))))
TWICE = replace(ONE, ops=(Linear(2), Linear(1)))


@pytest.mark.parametrize(
    ("projection", "weights", "expected"),
    [
        (replace(ONE, ops=()), {}, "excitatory"),
        (ONE, {"p/0/weight": [0.0, 2.0]}, "excitatory"),
        (ONE, {"p/0/weight": [0.0, -2.0]}, "inhibitory"),
        (ONE, {"p/0/weight": [1.0, -2.0]}, "mixed"),
        (ONE, {"p/0/weight": [0.0, 0.0]}, "none"),
        (SCALED, {"p/1/weight": [1.0, 0.5]}, "inhibitory"),
        (SCALED, {"p/1/weight": [-1.0, -0.5]}, "excitatory"),
        (replace(SCALED, ops=(Scale(0.0), *ONE.ops)), {"p/1/weight": [1.0, -1.0]}, "none"),
        (TWICE, {"p/0/weight": [-1.0], "p/1/weight": [-1.0]}, "excitatory"),
        (TWICE, {"p/0/weight": [-1.0, 1.0], "p/1/weight": [0.0]}, "none"),
        (
            replace(ONE, norm=Norm(NormKind.SCALE)),
            {"p/0/weight": [-1.0], "p/norm/gamma": [1.0, 2.0]},
            "inhibitory",
        ),
    ],
)  # fmt: skip
def test_what_weights_do(projection: Projection, weights: dict[str, list[float]], expected: str) -> None:
    assert acts(projection, {key: np.array(value, np.float32) for key, value in weights.items()}) == expected


def test_a_network_along_a_line() -> None:
    network = net(
        Source((2, 40), InputKind.ANALOG),
        {"a": LIF(), "out": IF()},
        edge("input", "a", Conv1d(4, 5, 2, 2)),
        edge("a", "out", Conv1d(1, 20)),
    )
    weights = {key: np.full(shape, -1, np.float32) for key, shape in weight_shapes(network).items()}
    found = describe_network(Model(network, weights))
    assert [(p["op"], p["acts"], p["macs"]) for p in found["projections"]] == [
        ("5/2", "inhibitory", 4 * 20 * 5 * 2),
        ("20", "inhibitory", 80),
    ]
    assert found["output"] == {"name": "out", "shape": [1, 1]}


EVERY_PAIR = """
from itertools import permutations
from msc.ir.describe import cycles
from msc.ir.neurons import LIF, Source
from tests.networks import edge, net
names = [f"n{i}" for i in range(24)]
pairs = (edge(a, b, delay=1) for a, b in permutations(names, 2))
found, complete = cycles(net(Source((4,)), dict.fromkeys(names, LIF()), edge("input", "n0"), *pairs))
print(len(found), complete, found)
"""


def test_cycles_beyond_counting_are_cut_short_alike_in_every_process() -> None:
    """Each of 24 populations joined to each other has more cycles than there are atoms in a gram."""
    told = {
        subprocess.run(
            [sys.executable, "-c", EVERY_PAIR],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=ROOT,
        ).stdout
        for _ in range(2)
    }
    assert len(told) == 1
    assert told.pop().startswith("100 False ")


def test_all_cycles_are_found_shortest_first() -> None:
    names = ["a", "b", "c"]
    pairs = (edge(a, b, delay=1) for a, b in permutations(names, 2))
    network = net(Source((4,)), dict.fromkeys(names, LIF()), edge("input", "a"), *pairs, output="c")
    expected = [["a", "b"], ["a", "c"], ["b", "c"], ["a", "b", "c"], ["a", "c", "b"]]
    assert cycles(network) == (expected, True)
    assert cycles(network, 2)[1] is False
