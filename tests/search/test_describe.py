"""What is said about a genome: complete, true of the live network, and stable."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest

from msc.ir.describe import ops_text, short_number
from msc.ir.graph import cyclic_projections
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.shapes import neuron_count, population_shapes, weight_shapes
from msc.search.canonical import canonical, genome_hash
from msc.search.describe import describe
from msc.search.genome import Genome
from msc.search.lower import lower
from tests.search.sample_genomes import CUT_CELL, CUT_LAYERS, LOOPED_CELL, PART_DEAD, layered, random_genomes

GOLDEN = Path(__file__).parent.parent / "golden" / "describe_fbi.json"
GENOMES = [*random_genomes(), PART_DEAD, LOOPED_CELL]
each_genome = pytest.mark.parametrize("genome", GENOMES, ids=range(len(GENOMES)))


def test_description_is_as_recorded() -> None:
    genome = layered([(3, [1, 2, 1, 1])], input_shape=[1, 4, 4], channels=2)
    assert describe(genome) == json.loads(GOLDEN.read_text())


@each_genome
def test_description_is_true_of_the_network(genome: Genome) -> None:
    network = lower(genome).network
    assert network is not None
    described = describe(genome)
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described == describe(genome)
    assert described["hash"] == genome_hash(genome)
    shapes = population_shapes(network)
    assert {p["name"]: tuple(p["shape"]) for p in described["populations"]} == shapes
    assert [p["name"] for p in described["projections"]] == [p.name for p in network.projections]
    assert [p["delay"] for p in described["projections"]] == [p.delay for p in network.projections]
    weights = weight_shapes(network)
    totals = described["totals"]
    assert totals["neurons"] == neuron_count(network)
    assert totals["weights"] == sum(prod(s) for k, s in weights.items() if k.endswith("/weight"))
    assert totals["biases"] == sum(prod(s) for k, s in weights.items() if k.endswith("/bias"))
    for key, total in (("synapses", "synapses"), ("macs", "macs_per_step"), ("weights", "weights")):
        assert sum(group[key] for group in described["groups"]) == totals[total]
    listed = [name for group in described["groups"] for name in group["populations"]]
    assert listed == [p.name for p in network.populations]


@each_genome
def test_balance_counts_everything_once(genome: Genome) -> None:
    described = describe(genome)
    totals, balance = described["totals"], described["balance"]
    for key in ("populations", "neurons", "synapses", "weights"):
        if key != "synapses":
            assert sum(balance[key].values()) == totals[key]
    out_of_input = sum(p["synapses"] for p in described["projections"] if p["role"] == "input")
    assert sum(balance["synapses"].values()) + out_of_input == totals["synapses"]
    inhibitory = [p["name"] for p in described["populations"] if p["role"] == "inhibitory"]
    assert all(name.rpartition(".")[2].startswith("I") for name in inhibitory)
    held = [p for p in described["projections"] if p["sign"] == "inhibitory"]
    assert all(p["source"] in inhibitory for p in held)


@each_genome
def test_cycles_are_exactly_where_projections_are_cyclic(genome: Genome) -> None:
    network = lower(genome).network
    assert network is not None
    ends = {p.name: (p.source, p.target) for p in network.projections}
    on_cycles = {
        pair
        for cycle in describe(genome)["cycles"]
        for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    }
    assert on_cycles == {ends[name] for name in cyclic_projections(network)}


def test_what_is_dropped_is_said() -> None:
    described = describe(PART_DEAD)
    assert {d["name"]: d["reason"] for d in described["dropped"]} == {
        "layer1.I": "nothing excites it",
        "layer3.B2": "nothing excites it",
    }
    assert described["empty_layers"] == ["layer2"]
    assert [(g["name"], g["in_genome"]) for g in described["groups"]][3:] == [
        ("layer2", "layer3"),
        ("layer3", "layer4"),
        ("head", "head"),
    ]


@pytest.mark.parametrize(
    ("genome", "where"),
    [
        (CUT_LAYERS, "excitation from the input ends at stem, nothing excites layer1.A1"),
        (CUT_CELL, "excitation from the input ends at cell1.n2, nothing excites cell1.n3"),
    ],
    ids=["layers", "cell"],
)
def test_disconnected_genomes_are_described(genome: Genome, where: str) -> None:
    described = describe(genome)
    assert json.loads(json.dumps(described)) == described
    assert not described["connected"]
    assert described["cut"] == where
    assert described["populations"] == described["projections"] == described["cycles"] == []
    assert set(described["totals"].values()) == {0}
    assert {group["name"] for group in described["groups"]} == {None}
    everything = {p.name for p in lower(genome).blueprint.populations}
    assert {d["name"] for d in described["dropped"]} == everything


def test_equal_genomes_are_described_equally() -> None:
    described, simplest = describe(PART_DEAD), describe(canonical(PART_DEAD))
    for key in described.keys() - {"dropped", "groups"}:
        assert described[key] == simplest[key], key


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (147_456, "147k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (9_999_999, "10.0M"),
        (1_234_567_890, "1.23G"),
        (5 * 10**15, "5000T"),
    ],
)
def test_short_numbers(number: int, text: str) -> None:
    assert short_number(number) == text


def test_ops_are_written_short() -> None:
    window = (2, 2)
    assert ops_text(()) == "identity"
    assert ops_text((Conv2d(4, (5, 5), window, window),)) == "5x5/2"
    assert ops_text((Conv2d(4, (3, 5), (1, 2)),)) == "3x5/1x2"
    assert ops_text((Conv2d(4, (3, 3)), AvgPool2d(window, window))) == "3x3 avg 2x2/2"
    assert ops_text((SumPool2d((8, 4), (8, 4)), Scale(0.5), Flatten(), Linear(3))) == "sum 8x4 dense"
