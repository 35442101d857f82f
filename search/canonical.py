"""The canonical form and the hash of a genome: equal networks have equal hashes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from msc.ir.hashing import network_hash
from msc.search.genome import FORMAT, VERSION, Genome
from msc.search.lower import Lowered, lower
from msc.search.spaces import find_space


def canonical(genome: Genome) -> Genome:
    """Make the simplest genome with the same live network.

    Genes that nothing reads and those of dropped projections become 0, g1 and g2 the least, each motif the
    one of the smallest number, twins ordered. The seed is kept; the hash leaves it out. A disconnected
    genome only loses its unread genes.
    """
    space = find_space(genome.space)
    lowered = lower(genome)
    genome = space.without(genome, _dead_genes(lowered))
    if lowered.network is None:
        return genome
    identity = network_hash(lowered.network)
    while True:
        same = (g for g in space.simpler(genome) if _hash_of(lower(g)) == identity)
        simpler = next(same, None)
        if simpler is None:
            return genome
        genome = space.without(simpler, frozenset())


def genome_hash(genome: Genome) -> str:
    """Compute the sha256 (hex) of the live network and of how its output is read.

    The network's part covers populations, projections, shapes, signs, delays and time steps. A disconnected
    genome's hash is that of its skeleton alone.
    """
    lowered = lower(genome)
    skeleton = genome.skeleton
    network = _hash_of(lowered) or f"disconnected {replace(skeleton, reductions=())}"
    text = f"{FORMAT} {VERSION}\nclasses {skeleton.classes}\nvotes {skeleton.votes}\n{network}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of(lowered: Lowered) -> str | None:
    return None if lowered.network is None else network_hash(lowered.network)


def _dead_genes(lowered: Lowered) -> frozenset[str]:
    """Name the genes all of whose projections were dropped (none of a disconnected genome)."""
    if lowered.network is None:
        return frozenset()
    asked = find_space(lowered.genome.space).blueprint(lowered.genome)
    dead = {d.name for d in lowered.dropped}
    alive = {p.gene for p in asked.projections if not {p.source, p.target} & dead}
    return frozenset(p.gene for p in asked.projections if p.gene and p.gene not in alive)
