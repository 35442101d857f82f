"""The SNASNet space: two cells of four nodes with forward and backward connections, sharing one matrix.

Source: Kim et al., Neural Architecture Search for Spiking Neural Networks (arXiv 2201.10355), and its code.
Nodes are LIF populations here, ops projections; node 0 of the first cell is the stem's current.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from msc.ir.errors import Problem, raise_all
from msc.ir.neurons import LIF
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op
from msc.search.genome import Genome, GenomeError
from msc.search.reading import Reader
from msc.search.skeleton import Dale, Recurrence, Skeleton
from msc.search.spaces import Blueprint, PlannedPopulation, PlannedProjection

NODES = 4
MOST_OP = 4
_PAIRS = tuple((i, j) for i in range(NODES) for j in range(i + 1, NODES))
_OP = "use 0 (none), 1 (identity), 2 (conv 1x1), 3 (conv 3x3) or 4 (average pool 3x3)"


@dataclass(frozen=True)
class SnasnetGenes:
    """The connection matrix: `cell[i][j]` is the op from node i to node j, backward below the diagonal."""

    cell: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Snasnet:
    """Reads, draws and lays out SNASNet cells."""

    name: str = "snasnet"
    neuron: LIF = field(default_factory=lambda: LIF(4 / 3, 1.0, 1.0))
    dale: Dale = Dale.NONE
    recurrence: Recurrence = Recurrence.LOOP

    def layer_count(self, genes: SnasnetGenes) -> None:
        """Say that reductions mean nothing here: the map is halved between the cells and after them."""
        return

    def read_genes(self, reader: Reader) -> SnasnetGenes:
        """Read the matrix."""
        cell = reader.rows("cell", NODES, 0, MOST_OP, _OP)
        for i, row in enumerate(cell):
            if row[i]:
                reader.wrong(f"cell[{i}][{i}]", f"is {row[i]}, a node cannot feed itself", "use 0")
        reader.finish()
        return SnasnetGenes(cell)

    def write_genes(self, genes: SnasnetGenes) -> dict[str, Any]:
        """Make the JSON object of the genes."""
        return {"cell": [list(row) for row in genes.cell]}

    def draw(self, rng: np.random.Generator, layers: int) -> SnasnetGenes:
        """Draw each pair's direction by a fair coin and its op uniformly, as the authors' code does."""
        cell = [[0] * NODES for _ in range(NODES)]
        for i, j in _PAIRS:
            source, target = (i, j) if rng.integers(0, 2) else (j, i)
            cell[source][target] = int(rng.integers(0, MOST_OP + 1))
        return SnasnetGenes(tuple(tuple(row) for row in cell))

    def misfits(self, genes: SnasnetGenes, skeleton: Skeleton) -> tuple[Problem, ...]:
        """Refuse maps too small for the average pools between and after the cells."""
        pool = skeleton.pool or 1
        side = min(skeleton.input_shape[1:])
        if side // 2 // pool >= 1:
            return ()
        return (
            Problem(
                "skeleton.input_shape",
                f"a map {side} wide cannot be pooled by 2 and then by {pool}",
                f"use at least {2 * pool} pixels a side or a smaller pool",
            ),
        )

    def blueprint(self, genome: Genome) -> Blueprint:
        """Lay out stem, cell 1, neck, cell 2, hidden layer and head."""
        skeleton = genome.skeleton
        assert skeleton.hidden is not None
        assert skeleton.pool is not None
        channels, pool = skeleton.channels, (skeleton.pool, skeleton.pool)
        cells = [PlannedPopulation(f"cell{c}.n{n}", f"cell{c}") for c in (1, 2) for n in range(NODES)]
        neck: tuple[Op, ...] = (_conv(2 * channels, 3), AvgPool2d((2, 2), (2, 2)))
        projections = [
            PlannedProjection("input", "cell1.n0", (_conv(channels, 3),), normed=True),
            *_cell(genome.genes, 1, channels),
            PlannedProjection(f"cell1.n{NODES - 1}", "cell2.n0", neck, normed=True),
            *_cell(genome.genes, 2, 2 * channels),
            PlannedProjection(
                f"cell2.n{NODES - 1}",
                "hidden",
                (AvgPool2d(pool, pool), Flatten(), Linear(skeleton.hidden)),
                False,
            ),
            PlannedProjection("hidden", "head", (Linear(skeleton.outputs),), False),
        ]
        populations = (*cells, PlannedPopulation("hidden", "hidden"), PlannedPopulation("head", "head"))
        groups = {"cell1": "cell 1", "cell2": "cell 2", "hidden": "hidden layer", "head": "head"}
        return Blueprint(populations, tuple(projections), groups)

    def arranged(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Change nothing: a cell has no twins."""
        return genome

    def without(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Zero the entries whose projections are dropped in both cells."""
        cell = tuple(
            tuple(0 if _path(i, j) in dropped else op for j, op in enumerate(row))
            for i, row in enumerate(genome.genes.cell)
        )
        return replace(genome, genes=SnasnetGenes(cell))

    def simpler(self, genome: Genome) -> Iterator[Genome]:
        """Propose nothing: a cell without dead entries has one form."""
        yield from ()

    def bounds(self, layers: int) -> tuple[tuple[int, int], ...]:
        """Each pair's direction (1 backward) and op, pairs in the order of `draw`; layers mean nothing."""
        return ((0, 1), (0, MOST_OP)) * len(_PAIRS)

    def encode(self, genes: SnasnetGenes) -> tuple[int, ...]:
        """List each pair's direction and op; raises GenomeError where a pair is joined both ways."""
        cell = genes.cell
        both = [(i, j) for i, j in _PAIRS if cell[i][j] and cell[j][i]]
        fix = "keep one of the two: a search joins a pair of nodes one way"
        raise_all(
            GenomeError,
            (Problem(_path(i, j), f"stands beside cell[{j}][{i}], both are ops", fix) for i, j in both),
        )
        return tuple(gene for i, j in _PAIRS for gene in (int(cell[j][i] > 0), cell[i][j] or cell[j][i]))

    def decode(self, vector: tuple[int, ...]) -> SnasnetGenes:
        """Put each pair's op on its side of the diagonal."""
        ops = {
            (j, i) if backward else (i, j): op
            for (i, j), backward, op in zip(_PAIRS, vector[::2], vector[1::2], strict=True)
        }
        return SnasnetGenes(tuple(tuple(ops.get((i, j), 0) for j in range(NODES)) for i in range(NODES)))

    def read(self, genes: SnasnetGenes) -> tuple[bool, ...]:
        """Every op, and the direction of those that are not 0."""
        return tuple(counts for op in self.encode(genes)[1::2] for counts in (op > 0, True))


def _path(source: int, target: int) -> str:
    return f"genes.cell[{source}][{target}]"


def _conv(channels: int, kernel: int) -> Conv2d:
    return Conv2d(channels, (kernel, kernel), padding=(kernel // 2, kernel // 2))


def _cell(genes: SnasnetGenes, number: int, channels: int) -> Iterator[PlannedProjection]:
    """Yield the projections of one cell; backward ones always take a step in recurrence `loop`."""
    for i, row in enumerate(genes.cell):
        for j, op in enumerate(row):
            ops = _ops(op, channels)
            if ops is not None:
                yield PlannedProjection(
                    f"cell{number}.n{i}",
                    f"cell{number}.n{j}",
                    ops,
                    normed=op in (2, 3),
                    gene=_path(i, j),
                    inside=True,
                    backward=i > j,
                    always_delayed=i > j,
                )


def _ops(op: int, channels: int) -> tuple[Op, ...] | None:
    match op:
        case 1:
            return ()
        case 2:
            return (_conv(channels, 1),)
        case 3:
            return (_conv(channels, 3),)
        case 4:
            return (AvgPool2d((3, 3), (1, 1), (1, 1)),)
        case _:
            return None


SPACE = Snasnet()
