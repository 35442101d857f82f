"""SNASNet cells, and what is refused in both spaces, by hand."""

from __future__ import annotations

import pytest

from msc.ir.network import Sign
from msc.ir.neurons import LIF
from msc.ir.ops import Conv2d
from msc.ir.shapes import population_shapes
from msc.ir.verify import verify
from msc.search.genome import Genome, GenomeError
from msc.search.lower import DisconnectedError, lower, require_connected
from tests.search.genomes import dropped, mse, names, network_of, snasnet
from tests.search.rule import edge_of, edges_of

C3, C5 = "conv3:2/1+1", "conv5:2/1+2"


PUBLISHED = {"cifar10": "0303 0030 2002 0200", "cifar100": "0302 0030 3003 0000"}


SPACES = ("mse-nas", "snasnet")


@pytest.mark.parametrize(
    ("genome", "last", "waiting"),
    [
        (mse("1: 0 1"), "stem", "layer1.A"),
        (mse("4: 0 0 1 1 1 1 1 1"), "stem", "layer1.A1"),
        (mse("0:", "5: 0 1 1 1 1 1 1 1 1"), "stem", "layer2.A"),
        (mse("1: 0 1", "1: 1 1", "1: 0 1"), "layer2.B", "layer3.A"),
        (snasnet("0330 0000 0000 0000"), "cell1.n2", "cell1.n3"),
        (snasnet("0000 3003 3303 0000"), "cell1.n0", "cell1.n3"),
    ],
)
def test_a_disconnected_genome_is_refused_naming_the_cut(genome: Genome, last: str, waiting: str) -> None:
    assert lower(genome).network is None
    with pytest.raises(DisconnectedError) as caught:
        require_connected(genome)
    assert str(caught.value) == (
        f"genome: is disconnected: excitation from the input ends at {last}, nothing excites {waiting}; "
        "join them by a gene other than 0, or draw another genome with msc new"
    )


SNASNET_LINKS = {
    "cifar10": {"n0>n1 3", "n0>n3 3", "n1>n2 3", "n2>n0 1", "n2>n3 1", "n3>n1 1"},
    "cifar100": {"n0>n1 3", "n0>n3 1", "n1>n2 3", "n2>n0 3", "n2>n3 3"},
}


SNASNET_DELAYS = {
    ("cifar10", "loop"): {"n2>n0", "n3>n1"},
    ("cifar100", "loop"): {"n2>n0"},
    ("cifar10", "synaptic"): {"n0>n1", "n0>n3", "n1>n2", "n2>n0", "n2>n3", "n3>n1"},
    ("cifar100", "synaptic"): {"n0>n1", "n1>n2", "n2>n0"},
}


@pytest.mark.parametrize(("name", "recurrence"), SNASNET_DELAYS)
def test_published_cells(name: str, recurrence: str) -> None:
    network = network_of(snasnet(PUBLISHED[name], recurrence=recurrence))
    verify(network)
    nodes = [f"cell{c}.n{n}" for c in (1, 2) for n in range(4)]
    assert names(network) == ["input", *nodes, "hidden", "head"]
    for number in (1, 2):
        cell = [p for p in network.projections if p.source[:5] == p.target[:5] == f"cell{number}"]
        found = {p.name.replace(f"cell{number}.", "") for p in cell if p.delay}
        assert found == SNASNET_DELAYS[name, recurrence]
        assert {
            f"{p.name.replace(f'cell{number}.', '')} {op.kernel[0]}"
            for p in cell
            if isinstance(op := p.ops[0], Conv2d)
        } == SNASNET_LINKS[name]
        assert all(p.norm is not None and p.sign is Sign.FREE for p in cell)
    assert not any(p.delay for p in network.projections if p.source[:5] != p.target[:5])


def test_snasnet_macro_by_hand() -> None:
    """Stem, neck, poolings and head; identity and average pooling have neither weights nor norm."""
    network = network_of(snasnet("0001 0000 0000 0000", pool=4, hidden=7))
    assert edges_of(network) == {
        ("input", "cell1.n0", C3, "free", 0, "batch"),
        ("cell1.n0", "cell1.n3", "", "free", 0, "-"),
        ("cell1.n3", "cell2.n0", "conv3:4/1+1 mean:2x2/2x2+0", "free", 0, "batch"),
        ("cell2.n0", "cell2.n3", "", "free", 0, "-"),
        ("cell2.n3", "hidden", "mean:4x4/4x4+0 flat dense:7", "free", 0, "-"),
        ("hidden", "head", "dense:6", "free", 0, "-"),
    }
    shapes = population_shapes(network)
    assert (shapes["cell2.n3"], shapes["hidden"], shapes["head"]) == ((4, 4, 4), (7,), (6,))
    pooled = network_of(snasnet("0004 0000 0000 0000"))
    assert edge_of(pooled.projections[1]) == ("cell1.n0", "cell1.n3", "mean:3x3/1x1+1", "free", 0, "-")
    assert isinstance(neuron := network.population("head").neuron, LIF)
    assert (neuron.tau, neuron.r, neuron.v_threshold) == (4 / 3, 1.0, 1.0)


def test_a_backward_connection_on_no_cycle() -> None:
    """n2 -> n1 without n1 -> .. -> n2: published cells delay it still (loop); synaptic delays cycles only."""
    rows = "0030 0003 0300 0000"
    delays = {
        r: [p.name for p in network_of(snasnet(rows, recurrence=r)).projections if p.delay]
        for r in ("loop", "synaptic")
    }
    assert delays == {"loop": ["cell1.n2>cell1.n1", "cell2.n2>cell2.n1"], "synaptic": []}


def test_dead_nodes_of_a_cell() -> None:
    lowered = lower(snasnet("0303 0000 0003 0000"))
    assert lowered.network is not None
    assert dropped(lowered) == {
        name: reason
        for cell in ("cell1", "cell2")
        for name, reason in (
            (f"{cell}.n1", "it does not reach the head"),
            (f"{cell}.n2", "nothing excites it"),
        )
    }


@pytest.mark.parametrize("space", SPACES)
def test_what_is_too_large_is_refused(space: str) -> None:
    sizes = {"input_shape": [3, 4096, 4096], "channels": 4096}
    huge = mse("1: 1 1", **sizes) if space == "mse-nas" else snasnet("0003 0000 0000 0000", **sizes)
    with pytest.raises(
        GenomeError, match=r"^skeleton: makes a network of [\d,]+ (weights|neurons), more than"
    ):
        lower(huge)
    with pytest.raises(GenomeError, match="of 68,719,476,736 input values, more than 268,435,456; use fewer"):
        lower(mse(input_shape=[4096, 4096, 4096], channels=1))
