"""Random graphs, once read, emit what a second interpreter makes of them, neuron by neuron."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.network import Imported, read_network
from msc.ir.simulate import simulate
from tests.backends.nir.reading.graphs import compare, read
from tests.backends.nir.reading.random_graphs import random_graph, random_input

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
SEEDS = 30


@pytest.mark.parametrize("block", range(5))
def test_what_is_read_emits_what_the_graph_says(block: int) -> None:
    told: Counter[str] = Counter()
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng)
        imported = read(graph)
        inputs = random_input(rng, graph)
        trace = simulate(imported.model, inputs)
        compare(graph, inputs, trace)
        told["alive"] += bool(trace.outputs.any() and (trace.outputs != trace.outputs[:, :1]).any())
        told.update(features(imported))
    assert told["alive"] > SEEDS / 4
    for feature in ("cut", "late bias", "readout", "delay"):
        assert told[feature], f"no graph of this block has a {feature}"


def features(imported: Imported) -> set[str]:
    notes = "\n".join(imported.notes)
    words = {"cut": "read one step late", "late bias": "starts late", "readout": "emits the sum"}
    delayed = any(p.delay > 1 for p in imported.model.network.projections)
    return {name for name, text in words.items() if text in notes} | ({"delay"} if delayed else set())


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_a_file_says_what_the_graph_says(seed: int, tmp_path: Path) -> None:
    graph = random_graph(np.random.default_rng(seed))
    nir.write(tmp_path / "graph.nir", graph)
    from_file, direct = read_network(tmp_path / "graph.nir"), read(graph)
    assert from_file.model.network == direct.model.network
    assert from_file.notes == direct.notes
    for name, array in direct.model.weights.items():
        np.testing.assert_array_equal(from_file.model.weights[name], array)
