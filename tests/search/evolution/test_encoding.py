"""Genes as integer vectors: which integers count, and what mutation does to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.search.canonical import genome_hash
from msc.search.evolution import encoding as encoding_module
from msc.search.evolution.encoding import MUTANTS, TRIES, Encoding, Vector
from msc.search.genome import Genome, GenomeError, dump_genome, parse_genome
from msc.search.lower import lower
from msc.search.spaces import find_space, space_names
from msc.search.spaces.mse_nas import LayerGenes, MseNasGenes
from msc.search.spaces.snasnet import SnasnetGenes
from tests.search.evolution.strategies.toys import SPACES, Narrowed, problem_of

everywhere = pytest.mark.parametrize("space", SPACES)


def drawn(space: str, layers: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a vector uniformly within its bounds."""
    return tuple(int(rng.integers(low, high + 1)) for low, high in find_space(space).bounds(layers))


def blueprint_of(space: str, vector: tuple[int, ...], layers: int) -> object:
    described = find_space(space)
    skeleton = problem_of(space, layers=layers).skeleton
    return described.blueprint(Genome(space, described.decode(vector), skeleton))


def test_the_tests_know_every_space() -> None:
    assert space_names() == SPACES


@everywhere
@given(seed=st.integers(0, 2**32), layers=st.integers(0, 8))
def test_genes_come_back_from_their_vector(space: str, seed: int, layers: int) -> None:
    described = find_space(space)
    rng = np.random.default_rng(seed)
    genes = described.draw(rng, layers)
    bounds = described.bounds(layers)
    vector = described.encode(genes)
    assert described.decode(vector) == genes
    assert all(low <= gene <= high for gene, (low, high) in zip(vector, bounds, strict=True))
    assert len(described.read(genes)) == len(bounds)
    assert all(type(gene) is int for gene in vector)


@everywhere
@given(seed=st.integers(0, 2**32), layers=st.integers(0, 8))
def test_every_vector_within_bounds_is_a_genome(space: str, seed: int, layers: int) -> None:
    """One that a file can hold, and that says the same of every gene that is read."""
    described = find_space(space)
    vector = drawn(space, layers, np.random.default_rng(seed))
    genes = described.decode(vector)
    genome = Genome(space, genes, problem_of(space, layers=layers).skeleton, 0)
    assert parse_genome(dump_genome(genome), "genome") == genome
    again = described.encode(genes)
    for one, other, counts in zip(vector, again, described.read(genes), strict=True):
        assert one == other or not counts


@everywhere
def test_an_integer_is_read_exactly_where_some_other_value_changes_what_is_asked_for(space: str) -> None:
    rng = np.random.default_rng(0)
    described = find_space(space)
    unread = 0
    for layers in (0, 1, 2, 3, 3, 5) * 4:
        vector = drawn(space, layers, rng)
        before = blueprint_of(space, vector, layers)
        read = described.read(described.decode(vector))
        for i, (low, high) in enumerate(described.bounds(layers)):
            others = [(*vector[:i], value, *vector[i + 1 :]) for value in range(low, high + 1)]
            changes = any(blueprint_of(space, other, layers) != before for other in others)
            assert changes == read[i], (vector, i)
            unread += not read[i]
    assert unread > 20


def test_vectors_of_mse_nas_by_hand() -> None:
    space = find_space("mse-nas")
    genes = MseNasGenes(
        (
            LayerGenes(1, (1, 2, 0, 0, 0, 0, 0, 0, 2)),
            LayerGenes(0, (1,) * 9),
            LayerGenes(2, (2, 1, 1, 2, 0, 0, 0, 0, 0)),
        ),
        3,
        2,
    )
    assert space.bounds(1) == ((0, 5), *[(0, 2)] * 9, (1, 3), (1, 2))
    assert space.encode(genes) == (
        *(1, 1, 2, 0, 0, 0, 0, 0, 0, 2),
        *(0, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        *(2, 2, 1, 1, 2, 0, 0, 0, 0, 0),
        *(3, 2),
    )
    assert [i for i, counts in enumerate(space.read(genes)) if counts] == [
        0,
        1,
        2,
        10,
        20,
        21,
        22,
        23,
        24,
        31,
    ]
    full = MseNasGenes((*genes.layers, genes.layers[0]), 3, 2)
    assert space.read(full)[-2:] == (True, True)
    assert space.read(MseNasGenes(genes.layers[:2], 3, 2))[-2:] == (False, False)
    assert space.read(MseNasGenes((), 1, 1)) == (False, False)


def test_vectors_of_snasnet_by_hand() -> None:
    space = find_space("snasnet")
    genes = SnasnetGenes(((0, 3, 0, 3), (0, 0, 3, 0), (2, 0, 0, 2), (0, 1, 0, 0)))
    assert space.bounds(6) == ((0, 1), (0, 4)) * 6
    #                            0-1   0-2   0-3   1-2   1-3   2-3
    assert space.encode(genes) == (0, 3, 1, 2, 0, 3, 0, 3, 1, 1, 0, 2)
    assert space.read(genes) == (True,) * 12
    sparse = SnasnetGenes(((0, 0, 0, 3), (0,) * 4, (0,) * 4, (0,) * 4))
    assert [i for i, counts in enumerate(space.read(sparse)) if counts] == [1, 3, 4, 5, 7, 9, 11]


def test_a_pair_joined_both_ways_is_no_vector() -> None:
    genes = SnasnetGenes(((0, 3, 0, 3), (1, 0, 3, 0), (2, 0, 0, 2), (4, 2, 0, 0)))
    with pytest.raises(GenomeError) as error:
        find_space("snasnet").encode(genes)
    assert str(error.value) == (
        "genes.cell[0][1]: stands beside cell[1][0], both are ops; "
        "keep one of the two: a search joins a pair of nodes one way\n"
        "genes.cell[0][3]: stands beside cell[3][0], both are ops; "
        "keep one of the two: a search joins a pair of nodes one way"
    )


@everywhere
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_vectors_are_told_apart_by_their_networks(space: str, layers: int) -> None:
    """As `genome_hash` does, and None where there is no network."""
    encoding = Encoding(problem_of(space, layers=layers))
    rng = np.random.default_rng(layers)
    hashes: dict[str, str] = {}
    for _ in range(80):
        vector = np.array(drawn(space, layers, rng))
        genome = encoding.genome(vector)
        network = encoding.network(vector)
        assert (network is None) == (lower(genome).network is None)
        if network is not None:
            assert hashes.setdefault(network, genome_hash(genome)) == genome_hash(genome)
        unread = ~encoding.read(vector)
        other = vector.copy()
        other[unread] = rng.integers(encoding.least, encoding.greatest, endpoint=True)[unread]
        assert encoding.network(other) == network
    assert len(set(hashes.values())) == len(hashes)
    assert len(hashes) > 20


@everywhere
@given(seed=st.integers(0, 2**32), layers=st.integers(1, 8))
def test_mutation_changes_what_is_read_and_always_something(space: str, seed: int, layers: int) -> None:
    encoding = Encoding(problem_of(space, layers=layers))
    rng = np.random.default_rng(seed)
    vector = np.array(drawn(space, layers, rng))
    before = vector.copy()
    mutated = encoding.mutate(vector, rng)
    changed = mutated != vector
    assert (vector == before).all()
    assert changed.any()
    assert encoding.read(vector)[changed].all()
    assert ((encoding.least <= mutated) & (mutated <= encoding.greatest)).all()


@everywhere
def test_mutation_prefers_no_gene_and_no_value(space: str) -> None:
    """Of n genes that are read each changes as often; 1 of n on average, and one where that made none."""
    encoding = Encoding(problem_of(space, layers=2))
    vector: Vector = np.array(
        (2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1, *[2] * 7, 1, 1) if space == "mse-nas" else (0, 2) * 6
    )
    rng = np.random.default_rng(0)
    read = encoding.read(vector)
    mutants = [encoding.mutate(vector, rng) for _ in range(4000)]
    times = np.sum([mutant != vector for mutant in mutants], axis=0)[read]
    expected = 4000 * (1 + (1 - 1 / read.sum()) ** read.sum()) / read.sum()
    assert np.abs(times / expected - 1).max() < 0.15
    place = 0 if space == "mse-nas" else 1
    values = Counter(int(mutant[place]) for mutant in mutants if mutant[place] != vector[place])
    assert set(values) == {*range(6 if space == "mse-nas" else 5)} - {int(vector[place])}
    assert min(values.values()) > 0.7 * max(values.values())


def test_mutation_of_what_nothing_reads_changes_nothing() -> None:
    encoding = Encoding(problem_of("mse-nas", layers=0))
    vector = np.array([1, 1])
    assert (encoding.mutate(vector, np.random.default_rng(0)) == vector).all()
    assert encoding.network(encoding.draw(np.random.default_rng(0))) is not None


@everywhere
def test_draws_fill_the_genes_that_are_not_read(space: str) -> None:
    encoding = Encoding(problem_of(space, layers=3))
    rng = np.random.default_rng(0)
    vectors = np.array([encoding.draw(rng) for _ in range(200)])
    unread = np.array([~encoding.read(vector) for vector in vectors])
    for i in np.flatnonzero(unread.sum(0) > 30):
        held = {int(value) for value in vectors[unread[:, i], i]}
        assert held == {*range(encoding.least[i], encoding.greatest[i] + 1)}, i


@everywhere
def test_a_vector_that_makes_no_network_is_mutated_until_it_makes_one(space: str) -> None:
    encoding = Encoding(problem_of(space, layers=2))
    dead = (1, *[0] * 19, 1, 1) if space == "mse-nas" else (0,) * 12
    assert encoding.network(np.array(dead)) is None
    for seed in range(30):
        varied = encoding.vary(np.array(dead), np.random.default_rng(seed))
        assert encoding.network(varied) is not None


@everywhere
def test_where_no_mutant_and_no_draw_makes_a_network_the_vector_comes_back(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = Encoding(problem_of(space, layers=2))
    tried: list[Vector] = []
    monkeypatch.setattr(encoding, "network", lambda vector: tried.append(vector))
    vector = encoding._random(np.random.default_rng(0))
    assert (encoding.vary(vector, np.random.default_rng(0)) == vector).all()
    assert len(tried) == MUTANTS + TRIES


@everywhere
def test_what_was_found_before_is_not_found_again(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = (0, 3) * 6 if space == "snasnet" else (5, *[1] * 9, 1, 1)
    tiny = Narrowed(space, fixed, {1: (2, 3) if space == "snasnet" else (1, 2)})
    monkeypatch.setattr(encoding_module, "find_space", lambda name: tiny)
    encoding = Encoding(problem_of(space, layers=1))
    rng = np.random.default_rng(0)
    found: set[str] = set()
    for _ in range(2):
        vector = encoding.find(rng, found)
        assert vector is not None
        network = encoding.network(vector)
        assert network is not None
        assert network not in found
        found.add(network)
    assert encoding.find(rng, found) is None


@everywhere
def test_a_genome_carries_the_problem_s_seed_and_skeleton(space: str) -> None:
    problem = replace(problem_of(space, layers=2), seed=2**40)
    genome = Encoding(problem).genome(np.array(drawn(space, 2, np.random.default_rng(0))))
    assert (genome.space, genome.skeleton, genome.seed) == (space, problem.skeleton, 2**40)
