"""Small genomes for the tests of what is described and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msc.search.generate import new_genome
from msc.search.genome import Genome, parse_genome


def layered(
    layers: Sequence[tuple[int, Sequence[int]]], *, g1: int = 1, g2: int = 1, **skeleton: Any
) -> Genome:
    """A mse-nas genome of (motif, ops), the ops filled up with zeros."""
    genes = {
        "layers": [{"motif": motif, "ops": [*ops, *[0] * (9 - len(ops))]} for motif, ops in layers],
        "g1": g1,
        "g2": g2,
    }
    return _parsed("mse-nas", genes, {"reductions": [], **skeleton})


def cell(matrix: Sequence[Sequence[int]], **skeleton: Any) -> Genome:
    """A snasnet genome."""
    return _parsed("snasnet", {"cell": matrix}, {"hidden": 12, **skeleton})


def random_genomes() -> list[Genome]:
    """Connected genomes of both spaces, and one with as many skips as there can be."""
    small: dict[str, Any] = {"input_shape": (2, 9, 8), "classes": 3, "votes": 2, "channels": 3}
    drawn = [new_genome("mse-nas", seed, layers=7, **small) for seed in range(8)]
    drawn += [new_genome("snasnet", seed, hidden=9, **small) for seed in range(8)]
    return [*drawn, layered([(4, [1] * 8)] * 6, g1=3, g2=2, reductions=[1, 3])]


def _parsed(space: str, genes: dict[str, Any], skeleton: dict[str, Any]) -> Genome:
    small = {
        "input": "static",
        "input_shape": [2, 8, 8],
        "classes": 3,
        "votes": 2,
        "channels": 4,
        "timesteps": 3,
    }
    content = {"format": "msc.genome", "version": 1, "space": space, "genes": genes}
    return parse_genome(json.dumps(content | {"skeleton": small | skeleton}).encode(), "genome")


PART_DEAD = layered([(2, [1, 0, 1, 1]), (0, []), (4, [1, 0, 1, 1, 1, 0, 1, 1]), (3, [2, 1, 1, 1])], g1=2)
CUT_LAYERS = layered([(4, [0, 0, 1, 1, 1, 1, 1, 1])])
CUT_CELL = cell([[0, 3, 0, 0], [0, 0, 3, 0], [2, 0, 0, 0], [0, 2, 1, 0]])
LOOPED_CELL = cell([[0, 3, 0, 3], [0, 0, 3, 0], [2, 0, 0, 2], [0, 2, 0, 0]])
