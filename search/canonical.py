"""The canonical form and the hash of a genome: equal networks have equal hashes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from msc.ir.hashing import network_hash
from msc.search.genome import FORMAT, VERSION, Genome
from msc.search.lower import Lowered, dead_genes, lower
from msc.search.spaces import find_space


def canonical(genome: Genome) -> Genome:
    """Make the simplest genome with the same live network.

    Genes that nothing reads and those of dropped projections become 0, g1 and g2 the least, each motif the
    one of the smallest number, twins ordered. The seed is kept; the hash leaves it out. A disconnected
    genome only loses its unread genes.
    """
    space = find_space(genome.space)
    identity = _hash_of(lower(genome))
    if identity is None:
        return space.without(genome, frozenset())
    genome = space.without(genome, dead_genes(genome))
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
    return lowered_hash(lower(genome))


def lowered_hash(lowered: Lowered) -> str:
    """Compute the hash of a genome that is lowered already."""
    skeleton = lowered.genome.skeleton
    network = _hash_of(lowered) or f"disconnected {replace(skeleton, reductions=())}"
    text = f"{FORMAT} {VERSION}\nclasses {skeleton.classes}\nvotes {skeleton.votes}\n{network}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of(lowered: Lowered) -> str | None:
    return None if lowered.network is None else network_hash(lowered.network)
