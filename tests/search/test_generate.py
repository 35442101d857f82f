"""New genomes are random, connected, canonical and reproducible; known ones move to another task."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from msc.ir.neurons import LIF, InputKind
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.verify import verify
from msc.search.canonical import canonical, genome_hash
from msc.search.generate import GenerationError, from_genome, new_genome
from msc.search.genome import GenomeError, dump_genome, parse_genome
from msc.search.lower import lower, require_connected
from msc.search.skeleton import Dale, Recurrence
from msc.search.spaces import find_space
from msc.search.spaces.mse_nas import MseNasGenes
from tests.search.genomes import mse, snasnet

SPACES = ("mse-nas", "snasnet")


@pytest.mark.parametrize("space", SPACES)
def test_new_genomes_are_connected_canonical_and_written_as_they_are(space: str) -> None:
    hashes = set[str]()
    for seed in range(40):
        genome = new_genome(space, seed, input_shape=(1, 8, 8), channels=2)
        assert genome == new_genome(space, seed, input_shape=(1, 8, 8), channels=2)
        assert canonical(genome) == genome
        assert parse_genome(dump_genome(genome), "again") == genome
        assert genome.seed == seed
        network = require_connected(genome).network
        assert network is not None
        verify(network)
        hashes.add(genome_hash(genome))
    assert len(hashes) > 25


def test_defaults_and_what_is_given() -> None:
    skeleton = new_genome(layers=7).skeleton
    assert (skeleton.input, skeleton.input_shape, skeleton.reductions) == (
        InputKind.STATIC,
        (3, 32, 32),
        (1, 3, 5),
    )
    assert (skeleton.classes, skeleton.votes, skeleton.channels, skeleton.timesteps) == (10, 10, 48, 4)
    assert (skeleton.neuron, skeleton.dale) == (LIF(2.0, 2.0, 0.5), Dale.INHIBITORY)
    assert (skeleton.recurrence, skeleton.hidden, skeleton.pool) == (Recurrence.SYNAPTIC, None, None)
    cell = new_genome("snasnet").skeleton
    assert (cell.neuron, cell.dale, cell.reductions) == (LIF(4 / 3, 1.0, 1.0), Dale.NONE, ())
    assert (cell.recurrence, cell.hidden, cell.pool) == (Recurrence.LOOP, 1024, 2)
    given = new_genome(
        *("mse-nas", 3),
        **{
            "input": "events",
            "input_shape": (2, 12, 10),
            "classes": 11,
            "votes": 5,
            "channels": 4,
            "layers": 3,
        },
        **{"timesteps": 9, "neuron": LIF(3.0, 1.0, 1.0), "dale": Dale.MOTIF, "recurrence": Recurrence.LOOP},
    )
    skeleton = given.skeleton
    assert (skeleton.input, skeleton.input_shape, skeleton.classes) == (InputKind.EVENTS, (2, 12, 10), 11)
    assert (skeleton.votes, skeleton.channels, skeleton.timesteps) == (5, 4, 9)
    assert (skeleton.neuron, skeleton.dale) == (LIF(3.0, 1.0, 1.0), Dale.MOTIF)
    assert (skeleton.recurrence, skeleton.reductions) == (Recurrence.LOOP, (1,))
    assert len(given.genes.layers) == 3
    small = new_genome("snasnet", hidden=8, pool=4).skeleton
    assert (small.hidden, small.pool) == (8, 4)


@pytest.mark.parametrize(
    ("shape", "layers", "reductions"),
    [
        ((3, 32, 32), 1, ()),
        ((3, 32, 32), 2, (1,)),
        ((3, 32, 32), 4, (1, 3)),
        ((3, 32, 32), 9, (1, 3, 5)),
        ((1, 8, 8), 6, (1, 3)),
        ((1, 9, 9), 6, (1, 3, 5)),
        ((1, 4, 64), 6, (1,)),
        ((1, 3, 3), 6, (1,)),
        ((1, 2, 2), 6, ()),
        ((1, 1, 9), 6, ()),
    ],
)
def test_reductions_stand_while_the_map_stays_two_wide(
    shape: tuple[int, int, int], layers: int, reductions: tuple[int, ...]
) -> None:
    genome = new_genome(seed=1, input_shape=shape, layers=layers, channels=2)
    assert genome.skeleton.reductions == reductions


def test_every_gene_is_drawn_uniformly() -> None:
    """What is drawn, before the connected ones are kept: each value of each gene, about equally often."""
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = [find_space("mse-nas").draw(rng, 5) for _ in range(300)]
    layers = [layer for genes in drawn for layer in genes.layers]
    counts = (
        Counter(layer.motif for layer in layers),
        Counter(op for layer in layers for op in layer.ops),
        Counter(genes.g1 for genes in drawn),
        Counter(genes.g2 for genes in drawn),
    )
    for counted, values in zip(counts, (range(6), range(3), (1, 2, 3), (1, 2)), strict=True):
        assert set(counted) == set(values)
        assert all(abs(count * len(values) / counted.total() - 1) < 0.25 for count in counted.values())
    cells = [find_space("snasnet").draw(rng, 5).cell for _ in range(600)]
    for i in range(4):
        for j in range(i + 1, 4):
            assert all(not (cell[i][j] and cell[j][i]) for cell in cells)
            forward = sum(cell[i][j] > 0 for cell in cells)
            backward = sum(cell[j][i] > 0 for cell in cells)
            assert 0.4 < forward / (forward + backward) < 0.6


def test_one_layer_and_none() -> None:
    """A single layer is often cut off (no `in`): it is drawn again. No layer at all is stem and head."""
    for seed in range(30):
        assert lower(new_genome(seed=seed, layers=1, channels=1)).network is not None
    assert new_genome(layers=0).genes == MseNasGenes((), 1, 1)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(GenerationError) as caught:
        new_genome(seed=-1, layers=10**9)
    assert str(caught.value) == (
        "seed -1: is below 0; give an integer from 0\nlayers 1000000000: is out of range; give 0 to 128"
    )
    with pytest.raises(GenerationError, match="layers -1: is out of range"):
        new_genome(layers=-1)
    with pytest.raises(GenomeError) as caught:
        new_genome(input_shape=(0, 8, 8), classes=1, channels=-2, timesteps=2000, votes=0)
    fields = ("input_shape[0]", "classes", "votes", "channels", "timesteps")
    assert [str(p).split(": ")[0] for p in caught.value.problems] == [f"genome, skeleton.{f}" for f in fields]
    with pytest.raises(GenomeError, match=r"skeleton\.hidden: is an unknown field"):
        new_genome("mse-nas", hidden=3)
    with pytest.raises(GenomeError, match="a map 3 wide cannot be pooled by 2 and then by 2"):
        new_genome("snasnet", input_shape=(1, 3, 8))
    with pytest.raises(GenomeError, match=r"^genome, seed: is an integer of more than 18 digits"):
        new_genome(seed=2**63)


MSE = mse(
    *("2: 1 1 1 1", "3: 1 2 1 1", "0:", "4: 1 2 1 1 2 1 1 2", "1: 1 1"),
    **{"input_shape": [3, 32, 32], "reductions": [1, 3], "g1": 2, "g2": 2, "seed": 5},
    **{"channels": 6, "votes": 4, "dale": "motif", "neuron": {"tau": 3, "r": 1, "v_threshold": 1}},
)


@pytest.mark.parametrize("genome", [MSE, snasnet("0303 0030 2002 0200", input_shape=[3, 32, 32], pool=4)])
def test_moving_keeps_genes_and_all_that_was_not_asked_to_change(genome) -> None:
    moved = from_genome(genome, input_shape=(1, 28, 28), classes=7)
    assert moved.genes == genome.genes
    assert moved.seed == genome.seed
    assert moved.skeleton == replace(genome.skeleton, input_shape=(1, 28, 28), classes=7)
    assert from_genome(moved, input_shape=(3, 32, 32), classes=3) == genome
    network = require_connected(moved).network
    assert network is not None
    verify(network)
    assert genome_hash(moved) != genome_hash(genome)


def test_moving_changes_no_weight_but_stem_and_head() -> None:
    """Other input channels and classes: all weights between keep name and shape and can be carried over."""
    one, other = (lower(g).network for g in (MSE, from_genome(MSE, (2, 32, 32), 5)))
    assert one is not None
    assert other is not None
    shapes, moved = weight_shapes(one), weight_shapes(other)
    assert shapes.keys() == moved.keys()
    changed = {name for name in shapes if shapes[name] != moved[name]}
    assert changed == {
        "input>stem/0/weight",
        "head/bias",
        *(f"layer4.{name}>head/3/weight" for name in "AB"),
    }


def test_nothing_asked_nothing_changed() -> None:
    for genome in (MSE, snasnet("0003 0000 0000 0000"), mse("1: 0"), mse(seed=4)):
        assert from_genome(genome) == genome
        assert from_genome(genome, genome.skeleton.input_shape, genome.skeleton.classes) == genome


def test_reductions_that_a_smaller_map_cannot_bear_are_left_out() -> None:
    moved = from_genome(MSE, (3, 4, 6))
    assert moved.skeleton.reductions == (1,)
    network = require_connected(moved).network
    assert network is not None
    assert population_shapes(network)["layer4.A"] == (12, 2, 3)
    assert from_genome(MSE, (3, 2, 2)).skeleton.reductions == ()


def test_reductions_stay_where_height_and_width_stay() -> None:
    """A file may reduce to one pixel; other channels or classes are no reason to reduce less."""
    genome = mse("1: 1", "1: 1", input_shape=[1, 2, 2], reductions=[1])
    assert from_genome(genome, (3, 2, 2), 5).skeleton.reductions == (1,)


def test_moving_to_what_cannot_be_is_refused() -> None:
    with pytest.raises(GenomeError) as caught:
        from_genome(MSE, (0, 8, 5000), 1)
    assert str(caught.value) == (
        "genome, skeleton.input_shape[0]: is 0; give an integer from 1 to 4096\n"
        "genome, skeleton.input_shape[2]: is 5000; give an integer from 1 to 4096\n"
        "genome, skeleton.classes: is 1; give an integer from 2 to 100000"
    )
    with pytest.raises(GenomeError, match="a map 7 wide cannot be pooled by 2 and then by 4"):
        from_genome(snasnet("0003 0000 0000 0000", pool=4), (1, 7, 8))
