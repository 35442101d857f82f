"""The search spaces, one per file, found by name: how genes are read, drawn and laid out as populations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

import numpy as np

from msc.compiler.registry import discover
from msc.ir.errors import Problem
from msc.ir.neurons import LIF
from msc.ir.ops import Op
from msc.search.genome import Genome
from msc.search.reading import Reader
from msc.search.skeleton import Dale, Recurrence, Skeleton


@dataclass(frozen=True)
class PlannedPopulation:
    """A population before liveness is known; `group` is where it stands (`stem`, `layer3`, `cell1`)."""

    name: str
    group: str
    inhibitory: bool = False


@dataclass(frozen=True)
class PlannedProjection:
    """A projection before liveness, sign and delay are known.

    `gene` is the path of the gene that asked for it (None: the skeleton did); `inside` says whether both
    ends belong to one motif or cell; `backward` whether it runs against the order of populations;
    `always_delayed` whether it takes a step in recurrence `loop` even on no cycle.
    """

    source: str
    target: str
    ops: tuple[Op, ...]
    normed: bool
    gene: str | None = None
    inside: bool = False
    backward: bool = False
    always_delayed: bool = False


@dataclass(frozen=True)
class Blueprint:
    """All that the genes and the skeleton ask for, dead parts included.

    `groups` are titles of the groups by name, in the order of the data flow.
    """

    populations: tuple[PlannedPopulation, ...]
    projections: tuple[PlannedProjection, ...]
    groups: Mapping[str, str]


class Space(Protocol):
    """One search space."""

    @property
    def name(self) -> str:
        """What the genome file calls it."""
        ...

    @property
    def neuron(self) -> LIF:
        """The default neuron."""
        ...

    @property
    def dale(self) -> Dale:
        """The default sign rule."""
        ...

    @property
    def recurrence(self) -> Recurrence:
        """The default recurrence."""
        ...

    def layer_count(self, genes: Any) -> int | None:
        """Count the layers that reductions index; None where the space has none."""
        ...

    def read_genes(self, reader: Reader) -> Any:
        """Read genes from JSON, noting problems in the reader."""
        ...

    def write_genes(self, genes: Any) -> dict[str, Any]:
        """Make the JSON object of genes."""
        ...

    def draw(self, rng: np.random.Generator, layers: int) -> Any:
        """Draw genes uniformly."""
        ...

    def misfits(self, genes: Any, skeleton: Skeleton) -> tuple[Problem, ...]:
        """List where genes and skeleton, each fine by itself, make no network together."""
        ...

    def blueprint(self, genome: Genome) -> Blueprint:
        """Lay the genome out as populations and projections."""
        ...

    def arranged(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Exchange twins where that brings the genes not in `dropped` into the order that `without` keeps."""
        ...

    def without(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Zero every gene that is not read, and those whose paths are in `dropped`; order twins."""
        ...

    def simpler(self, genome: Genome) -> Iterator[Genome]:
        """Propose genomes that come before this one and might describe the same network."""
        ...

    def bounds(self, layers: int) -> tuple[tuple[int, int], ...]:
        """List the least and the greatest value of each integer in the vector that genes are written as."""
        ...

    def encode(self, genes: Any) -> tuple[int, ...]:
        """Write genes as a vector within `bounds`; `decode` gives the same genes back."""
        ...

    def decode(self, vector: tuple[int, ...]) -> Any:
        """Make the genes that a vector within `bounds` stands for."""
        ...

    def read(self, genes: Any) -> tuple[bool, ...]:
        """Say which integers of the vector count: the others mean nothing while those stay as they are."""
        ...


@cache
def spaces() -> Mapping[str, Space]:
    """Find all spaces, by the name in the genome file."""
    found = (cast(Space, space) for space in discover("msc.search.spaces", "SPACE").values())
    return {space.name: space for space in sorted(found, key=lambda space: space.name)}


def space_names() -> tuple[str, ...]:
    """List the names of the spaces."""
    return tuple(spaces())


def find_space(name: str) -> Space:
    """Find a space by name (KeyError where there is none)."""
    return spaces()[name]
