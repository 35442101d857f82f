"""Candidates as integer vectors: drawn until they make a network, told apart by it, mutated where read."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem
from msc.ir.hashing import network_hash
from msc.search.evolution.strategies import SearchProblem
from msc.search.generate import GenerationError
from msc.search.genome import Genome, GenomeError
from msc.search.lower import lower
from msc.search.spaces import find_space

TRIES = 1000
MUTANTS = 20

Vector = NDArray[np.int64]


class Encoding:
    """The vectors of one problem. What it remembers of them changes nothing but its speed."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._space = find_space(problem.space)
        self._networks: dict[bytes, str | None] = {}
        self._refusal: Problem | None = None
        bounds = np.array(self._space.bounds(problem.layers), dtype=np.int64).reshape(-1, 2)
        self.least: Vector = bounds[:, 0]
        self.greatest: Vector = bounds[:, 1]

    def genome(self, vector: Vector) -> Genome:
        """Make the genome that a vector stands for, unread genes included."""
        genes = self._space.decode(tuple(vector.tolist()))
        return Genome(self._problem.space, genes, self._problem.skeleton, self._problem.seed)

    def read(self, vector: Vector) -> NDArray[np.bool_]:
        """Say which genes of a vector count."""
        genes = self._space.decode(tuple(vector.tolist()))
        return np.array(self._space.read(genes), dtype=bool) & (self.least < self.greatest)

    def network(self, vector: Vector) -> str | None:
        """Identify the network of a vector; None where it makes none.

        On one skeleton two of these are equal where `msc.search.canonical.genome_hash` is.
        """
        key = np.where(self.read(vector), vector, self.least - 1).astype(np.int16).tobytes()
        if key not in self._networks:
            self._networks[key] = self._identify(self.genome(vector))
        return self._networks[key]

    def draw(self, rng: np.random.Generator) -> Vector:
        """Draw until a vector makes a network; raises GenerationError where 1000 of them make none."""
        vector = self.find(rng, ())
        if vector is None:
            raise self._nothing_found()
        return vector

    def find(self, rng: np.random.Generator, known: Container[str]) -> Vector | None:
        """Draw until a vector makes a network that is not in `known`; None where 1000 of them make none."""
        for _ in range(TRIES):
            vector = self._random(rng)
            network = self.network(vector)
            if network is not None and network not in known:
                return vector
        return None

    def mutate(self, vector: Vector, rng: np.random.Generator) -> Vector:
        """Give each of the n genes that are read another value of its range with probability 1/n.

        At least one changes. All other values are equally likely: the numbers of motifs and ops are names,
        between which there is no distance. Genes that are not read keep what they hold, so that a change of
        motif brings drawn genes to light.
        """
        read = np.flatnonzero(self.read(vector))
        if not len(read):
            return vector
        chosen = read[rng.random(len(read)) < 1 / len(read)]
        if not len(chosen):
            chosen = read[[rng.integers(len(read))]]
        values = rng.integers(self.least[chosen], self.greatest[chosen])
        mutated = vector.copy()
        mutated[chosen] = values + (values >= vector[chosen])
        return mutated

    def vary(self, vector: Vector, rng: np.random.Generator) -> Vector:
        """Mutate until the result makes a network; draw afresh where 20 mutants make none.

        Where 1000 draws make none either, the vector itself comes back.
        """
        for _ in range(MUTANTS):
            mutated = self.mutate(vector, rng)
            if self.network(mutated) is not None:
                return mutated
        drawn = self.find(rng, ())
        return vector if drawn is None else drawn

    def _random(self, rng: np.random.Generator) -> Vector:
        """Draw genes as the space does, and those that it does not read uniformly."""
        genes = self._space.draw(rng, self._problem.layers)
        latent = rng.integers(self.least, self.greatest, endpoint=True)
        return np.where(self._space.read(genes), self._space.encode(genes), latent)

    def _identify(self, genome: Genome) -> str | None:
        misfits = self._space.misfits(genome.genes, genome.skeleton)
        if misfits:
            self._refusal = misfits[0]
            return None
        try:
            network = lower(genome).network
        except GenomeError as error:
            self._refusal = error.problems[0]
            return None
        return None if network is None else network_hash(network)

    def _nothing_found(self) -> GenerationError:
        where, found = f"seed {self._problem.seed}", f"none of {TRIES} random genomes makes a network"
        if self._refusal is None:
            return GenerationError.of(
                where, f"{found}: all are disconnected", "use another seed or fewer layers"
            )
        return GenerationError.of(
            where, f"{found}: {self._refusal.where} {self._refusal.what}", self._refusal.fix
        )
