"""Canonical form and hash: equal networks have equal hashes, and what does not matter does not count."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest

from msc.search.canonical import canonical, genome_hash
from msc.search.genome import Genome
from msc.search.lower import lower
from msc.search.motifs import motifs
from msc.search.spaces.mse_nas import LayerGenes, MseNasGenes
from tests.search.genomes import data_of, layer, mse, parsed, random_data, random_genome, snasnet
from tests.search.rule import TABLE, TWINS, edges_of

SPACES = ("mse-nas", "snasnet")


def genes_of(genome: Genome) -> Any:
    return canonical(genome).genes


def connected(space: str, count: int) -> list[tuple[int, Genome]]:
    """List the first random genomes that are connected, with their seeds."""
    found: list[tuple[int, Genome]] = []
    seed = 0
    while len(found) < count:
        genome = random_genome(space, seed)
        if lower(genome).network is not None:
            found.append((seed, genome))
        seed += 1
    return found


@pytest.mark.parametrize("space", SPACES)
def test_the_canonical_form_is_the_same_network_and_its_own_canonical_form(space: str) -> None:
    for seed, genome in connected(space, 150):
        simplest = canonical(genome)
        assert lower(simplest).network == lower(genome).network, seed
        assert genome_hash(simplest) == genome_hash(genome), seed
        assert canonical(simplest) == simplest, seed
        assert simplest.skeleton == genome.skeleton
        assert simplest.seed == genome.seed


def test_a_disconnected_genome_only_loses_unread_genes() -> None:
    genome = canonical(mse("1: 0 2 2 2 2", g1=3, g2=2))
    assert genome.genes == MseNasGenes((LayerGenes(1, (0, 2, 0, 0, 0, 0, 0, 0, 0)),), 3, 2)
    for space in SPACES:
        for seed in range(60):
            genome = random_genome(space, seed)
            if lower(genome).network is None:
                assert canonical(canonical(genome)) == canonical(genome)
                assert lower(canonical(genome)).network is None


def test_genes_that_nothing_reads_do_not_count() -> None:
    """Genes behind a motif's slots and of empty layers, and the seed."""
    for seed, genome in connected("mse-nas", 100):
        data, rng = random_data("mse-nas", seed), random.Random(seed)
        for item in data["genes"]["layers"]:
            read = len(motifs()[item["motif"]].slots) if item["motif"] else 0
            item["ops"][read:] = [rng.randint(0, 2) for _ in range(9 - read)]
        other = parsed(data | {"seed": 10**9 + seed})
        assert genes_of(other) == genes_of(genome), seed
        assert genome_hash(other) == genome_hash(genome), seed


def test_whatever_leaves_the_network_as_it_is_leaves_genes_and_hash() -> None:
    """Any gene, g1 and g2 set at random: where the edges stay, so do canonical genes and hash; else not.

    Changing a motif or a layer's being there is left out: a layer that is dead counts when g1 is applied.
    """
    kept = changed = 0
    for seed, genome in connected("mse-nas", 40):
        before = lower(genome).network
        assert before is not None
        rng = random.Random(seed)
        for _ in range(15):
            data = random_data("mse-nas", seed)
            genes = data["genes"]
            match rng.randint(0, 2):
                case 0 if genes["layers"]:
                    rng.choice(genes["layers"])["ops"][rng.randrange(9)] = rng.randint(0, 2)
                case 1:
                    genes["g1"] = rng.randint(1, 3)
                case _:
                    genes["g2"] = rng.randint(1, 2)
            other = parsed(data)
            after = lower(other).network
            same = after is not None and edges_of(after) == edges_of(before)
            assert (genome_hash(other) == genome_hash(genome)) == same
            if same:
                assert genes_of(other) == genes_of(genome), (seed, data)
                kept += 1
            else:
                changed += 1
    assert kept > 60
    assert changed > 100


@pytest.mark.parametrize("space", SPACES)
def test_hashes_are_equal_exactly_where_networks_are(space: str) -> None:
    """Small genomes on one skeleton, so that many of them meet."""
    by_hash: dict[str, Any] = {}
    by_edges: dict[Any, str] = {}
    met = 0
    for seed in range(400):
        rng = random.Random(seed)
        if space == "mse-nas":
            ops = [[rng.choice([0, 0, 1, 2]) for _ in range(9)] for _ in range(rng.randint(0, 2))]
            layers = [{"motif": rng.randint(0, 5), "ops": each} for each in ops]
            genes: dict[str, Any] = {"layers": layers, "g1": rng.randint(1, 3), "g2": rng.randint(1, 2)}
        else:
            genes = {
                "cell": [[rng.choice([0, 0, 0, 1]) if i != j else 0 for j in range(4)] for i in range(4)]
            }
        genome = parsed(data_of(space, genes))
        network = lower(genome).network
        if network is None:
            continue
        edges = edges_of(network)
        identity = genome_hash(genome)
        met += edges in by_edges
        assert by_hash.setdefault(identity, edges) == edges
        assert by_edges.setdefault(edges, identity) == identity
    assert met > 30
    assert len(by_hash) > 30


def test_dropped_projections_lose_their_genes() -> None:
    assert (
        genes_of(mse("2: 1 1 0 1"))
        == genes_of(mse("1: 1"))
        == MseNasGenes((LayerGenes(1, (1, *[0] * 8)),), 1, 1)
    )
    assert genes_of(mse("5: 1 0 1 2 2 1 1 1 1")).layers == (LayerGenes(5, (1, 1, 0, 0, 0, 1, 1, 1, 0)),)
    assert genes_of(snasnet("0303 0000 0003 0000")).cell == ((0, 0, 0, 3), *[(0,) * 4] * 3)


def test_g1_and_g2_are_lowered_as_far_as_the_network_stays() -> None:
    for g1, g2 in ((1, 2), (2, 1), (3, 2)):
        assert canonical(mse("1: 1 1", g1=g1, g2=g2)).genes == mse("1: 1 1").genes
    two = mse("1: 1 1", "1: 1 1", g1=3, g2=2)
    assert (genes_of(two).g1, genes_of(two).g2) == (1, 2)
    three = mse("1: 1 1", "1: 1 1", "1: 1 1", g1=3, g2=2)
    assert (genes_of(three).g1, genes_of(three).g2) == (2, 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (mse("1: 2"), mse("2: 2")),
        (mse("1: 2"), mse("3: 2")),
        (mse("1: 2"), mse("5: 2")),
        (mse("1: 2 1"), mse("3: 2 1")),
        (mse("1: 2"), mse("2: 2 1 0 2")),
        (mse("2: 1 2 1 0"), mse("2: 1 0 1 2")),
    ],
)
def test_motifs_of_which_the_same_is_left_are_the_same(one: Genome, other: Genome) -> None:
    assert canonical(one) == canonical(other)
    assert genome_hash(one) == genome_hash(other)
    assert lower(one).network == lower(other).network


def test_twins_that_change_places_change_nothing() -> None:
    """In each layer of random genomes, under both rules of recurrence where no delay tells them apart."""
    swapped = 0
    for seed, genome in connected("mse-nas", 200):
        data = random_data("mse-nas", seed)
        loop = data["skeleton"]["recurrence"] == "loop"
        for index, item in enumerate(data["genes"]["layers"]):
            if item["motif"] not in TWINS or (loop and item["motif"] == 5):
                continue
            other = copy.deepcopy(data)
            other["genes"]["layers"][index]["ops"] = mirrored(item["motif"], item["ops"])
            assert genome_hash(parsed(other)) == genome_hash(genome), (seed, index)
            assert genes_of(parsed(other)) == genes_of(genome), (seed, index)
            swapped += parsed(other).genes != genome.genes
    assert swapped > 50


def mirrored(motif: int, ops: list[int]) -> list[int]:
    """Exchange the twins by the table's text."""
    slots = TABLE[motif][0].split()
    names = [slot.replace("-|", "->").split("->") for slot in slots]
    mirror = [[TWINS[motif].get(name, name) for name in pair] for pair in names]
    return [ops[names.index(pair)] for pair in mirror] + ops[len(slots) :]


def test_mutual_twins_under_loop_are_not_the_same() -> None:
    one, other = "5: 1 1 2 1 2 1 2 1 2", "5: 1 2 1 2 1 2 1 2 1"
    assert genome_hash(mse(one)) == genome_hash(mse(other))
    assert genome_hash(mse(one, recurrence="loop")) != genome_hash(mse(other, recurrence="loop"))
    assert genes_of(mse(other, recurrence="loop")) == mse(other).genes


def test_recurrence_counts_only_where_there_is_a_cycle() -> None:
    assert genome_hash(mse("3: 1 1 1 1")) != genome_hash(mse("3: 1 1 1 1", recurrence="loop"))
    assert genome_hash(mse("2: 1 1 1 1")) == genome_hash(mse("2: 1 1 1 1", recurrence="loop"))


NEURON = {"tau": 2.0, "r": 2.0, "v_threshold": 0.5}
BASE: dict[str, Any] = {"reductions": [1], "neuron": NEURON}
CHANGES: dict[str, dict[str, Any]] = {
    "input": {"input": "events"},
    "channels of the input": {"input_shape": [2, 8, 8]},
    "height": {"input_shape": [1, 9, 8]},
    "classes": {"classes": 4},
    "votes": {"votes": 3},
    "the same head read otherwise": {"classes": 2, "votes": 3},
    "channels": {"channels": 3},
    "timesteps": {"timesteps": 5},
    "reductions": {"reductions": []},
    "tau": {"neuron": NEURON | {"tau": 2.1}},
    "r": {"neuron": NEURON | {"r": 1.0}},
    "threshold": {"neuron": NEURON | {"v_threshold": 0.6}},
    "dale motif": {"dale": "motif"},
    "dale strict": {"dale": "strict"},
    "dale none": {"dale": "none"},
    "recurrence": {"recurrence": "loop"},
}


def test_whatever_changes_the_network_or_its_reading_changes_the_hash() -> None:
    layers = "3: 1 1 1 1", "2: 1 1 1 1"
    base = genome_hash(mse(*layers, **BASE))
    hashes = {name: genome_hash(mse(*layers, **(BASE | change))) for name, change in CHANGES.items()}
    assert len({base, *hashes.values()}) == len(CHANGES) + 1
    assert genome_hash(mse(*layers, seed=7, **BASE)) == base


def test_a_skeleton_of_other_words_and_the_same_network() -> None:
    """Where no reduction meets a layer and no sign rule a projection, the hash does not see them."""
    assert genome_hash(mse("1: 1", "0:", reductions=[1])) == genome_hash(mse("1: 1"))
    assert genome_hash(mse("1: 1 1", dale="none")) == genome_hash(mse("1: 1 1", dale="inhibitory"))


def test_hidden_and_pool_count_in_snasnet() -> None:
    rows = "0003 0000 0000 0000"
    hashes = {genome_hash(snasnet(rows, hidden=h, pool=p)) for h in (4, 5) for p in (1, 2)}
    assert len(hashes) == 4


@pytest.mark.parametrize("count", [12, 60])
def test_deep_genomes_are_simplified_too(count: int) -> None:
    """Many layers to simplify, one after the other."""
    deep = mse(*["2: 1 1 0 1", "3: 1 2 1 0"] * (count // 2), g1=3, channels=1)
    simple = canonical(deep)
    assert {item.motif for item in simple.genes.layers} == {1}
    assert lower(simple).network == lower(deep).network


def test_the_hash_is_of_the_network_not_of_the_path_to_it() -> None:
    """A dead layer that shifts which feeder is nearest: other genes, the same network, the same hash."""
    one, other = mse("1: 0 2", "1: 1 1", g2=2), mse("0:", "1: 2 1")
    assert genome_hash(one) == genome_hash(other)
    assert replace(lower(one), genome=other).network == lower(other).network


def test_a_disconnected_genome_has_a_hash() -> None:
    cut = genome_hash(mse("1: 0"))
    assert cut == genome_hash(mse("1: 0", "0:"))
    assert cut != genome_hash(mse("1: 1"))
    assert layer("1: 0") == {"motif": 1, "ops": [0] * 9}
