"""Lowering agrees with a second statement of the design on random genomes of both spaces."""

from __future__ import annotations

import json
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest

from msc.ir.network import Network, NormKind, Projection, Sign
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.text import parse_network, print_network
from msc.ir.verify import verify
from msc.search.canonical import canonical, genome_hash
from msc.search.genome import Genome, dump_genome, parse_genome
from msc.search.lower import lower
from tests.search.restated import MOTIFS, TWINS, Edge, edges_of

SPACES = ("mse-nas", "snasnet")


def random_file(space: str, seed: int) -> dict[str, Any]:
    """A random genome file, disconnected ones included; the map has an odd and an even side."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 7))
    marks = rng.choice(count, size=int(rng.integers(0, min(3, count) + 1)), replace=False)
    ops = rng.choice([0, 0, 1, 1, 2], size=(count, 9))
    skeleton: dict[str, Any] = {
        "input": ("static", "events")[seed % 2],
        "input_shape": [2, 9, 12],
        "classes": 3,
        "votes": 2,
        "channels": 4,
        "timesteps": 3,
        "reductions": sorted(int(index) for index in marks) if space == "mse-nas" else [],
        "neuron": {"tau": 2.0, "r": 2.0, "v_threshold": 0.5},
        "dale": str(rng.choice(["inhibitory", "motif", "strict", "none"])),
        "recurrence": str(rng.choice(["synaptic", "loop"])),
    }
    if space == "mse-nas":
        layers = [{"motif": int(rng.integers(0, 6)), "ops": [int(op) for op in row]} for row in ops]
        genes = {"layers": layers, "g1": int(rng.integers(1, 4)), "g2": int(rng.integers(1, 3))}
    else:
        cell = rng.integers(0, 5, (4, 4)) * rng.integers(0, 2, (4, 4)) * (1 - np.eye(4, dtype=int))
        genes = {"cell": cell.tolist()}
    file = {"format": "msc.genome", "version": 1, "space": space, "genes": genes, "skeleton": skeleton}
    return {**file, "seed": seed}


def parsed(file: dict[str, Any]) -> Genome:
    return parse_genome(json.dumps(file).encode(), "random")


def does(projection: Projection) -> str:
    """Say in the restatement's words what a projection does, checking what every projection must have."""
    match projection.ops:
        case ():
            return "identity"
        case (Conv2d() as conv, *rest):
            assert conv.padding == (conv.kernel[0] // 2,) * 2
            assert projection.norm is not None
            scaled = projection.norm.kind is NormKind.SCALE
            assert scaled == (projection.sign is Sign.INHIBITORY)
            return f"conv {conv.kernel[0]}/{conv.stride[0]}" + (", avg 2" if rest else "")
        case (AvgPool2d(),):
            return "avg 3"
        case (AvgPool2d(), Flatten(), Linear()):
            return "hidden"
        case (SumPool2d() as pool, Scale() as scale, Flatten(), Linear()):
            assert scale == Scale(1 / (pool.kernel[0] * pool.kernel[1]))
            return "read out"
        case _:
            assert isinstance(projection.ops[0], Linear)
            return "dense"


def edges(network: Network) -> set[Edge]:
    stated = {Edge(p.source, p.target, does(p), p.sign.value, p.delay) for p in network.projections}
    assert len(stated) == len(network.projections)
    return stated


def with_twins_exchanged(stated: set[Edge]) -> list[set[Edge]]:
    """Every naming of the same network under which the twins of some layers change places."""
    layers = sorted({name.split(".")[0] for edge in stated for name in edge[:2] if name[-1] in "12"})
    layers = [layer for layer in layers if layer.startswith("layer")]

    def exchanged(name: str, chosen: tuple[str, ...]) -> str:
        layer, _, part = name.partition(".")
        return f"{layer}.{TWINS.get(part, part)}" if layer in chosen else name

    choices = chain.from_iterable(combinations(layers, size) for size in range(len(layers) + 1))
    return [
        {Edge(exchanged(e.source, chosen), exchanged(e.target, chosen), *e[2:]) for e in stated}
        for chosen in choices
    ]


@pytest.mark.parametrize("space", SPACES)
def test_lowering_is_what_the_design_says(space: str) -> None:
    """At least 150 connected genomes a space; networks are valid and everything written reads back."""
    connected = 0
    for seed in range(260):
        file = random_file(space, seed)
        genome = parsed(file)
        network = lower(genome).network
        expected = edges_of(file)
        assert (network is None) == (expected is None), file
        if network is None or expected is None:
            continue
        connected += 1
        assert edges(network) in with_twins_exchanged(expected), file
        verify(network)
        assert parse_network(print_network(network)) == network
        assert parse_genome(dump_genome(genome), "again") == genome
    assert connected >= 150


@pytest.mark.parametrize("space", SPACES)
def test_canonical_genomes_keep_their_network_and_change_no_more(space: str) -> None:
    for seed in range(80):
        genome = parsed(random_file(space, seed))
        network = lower(genome).network
        if network is None:
            continue
        simplest = canonical(genome)
        kept = lower(simplest).network
        assert kept is not None
        assert set(kept.projections) == set(network.projections)
        assert set(kept.populations) == set(network.populations)
        assert genome_hash(simplest) == genome_hash(genome)
        assert canonical(simplest) == simplest


def test_genes_that_nothing_reads_do_not_change_the_hash() -> None:
    rng = np.random.default_rng(0)
    for seed in range(80):
        file = random_file("mse-nas", seed)
        genome = parsed(file)
        for layer in file["genes"]["layers"]:
            read = len(MOTIFS[layer["motif"]][1]) if layer["motif"] else 0
            layer["ops"][read:] = rng.integers(0, 3, 9 - read).tolist()
        other = parsed({**file, "seed": seed + 1})
        assert lower(other).network == lower(genome).network
        assert genome_hash(other) == genome_hash(genome)


def test_equal_hashes_mean_equal_networks() -> None:
    """Over many random genomes, no two different networks share a hash."""
    found: dict[str, set[Edge]] = {}
    for seed in range(200):
        file = random_file("mse-nas", seed)
        genome = parsed(file)
        network = lower(genome).network
        if network is not None:
            key = f"{genome_hash(genome)} {file['skeleton']['input']}"
            assert found.setdefault(key, edges(network)) == edges(network)
    assert len({frozenset(stated) for stated in found.values()}) >= 100
