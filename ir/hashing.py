"""Hashes that name a network or its weights, the same wherever and in whatever order they were made."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np

from msc.ir.network import Network, Weights
from msc.ir.text import print_network


def network_hash(network: Network) -> str:
    """Hash the structure: sha256 (hex) of its text form, populations and projections sorted by name.

    Independent of the order of declaration; names count, because they name the weights.
    """
    populations = (replace(p, bias=True) if p.is_source else p for p in network.populations)
    canonical = replace(
        network,
        populations=tuple(sorted(populations, key=lambda p: p.name)),
        projections=tuple(sorted(network.projections, key=lambda p: p.name)),
    )
    return sha256(print_network(canonical, comments=False).encode()).hexdigest()


def weights_hash(weights: Weights) -> str:
    """Hash weights: sha256 (hex) over name, dtype, shape and little-endian values, sorted by name."""
    digest = sha256()
    for name in sorted(weights):
        array = np.asarray(weights[name])
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(repr((name, little.dtype.str, array.shape)).encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
