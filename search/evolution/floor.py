"""A floor under the size of networks, for searches in which the smallest network would win."""

from __future__ import annotations

import numpy as np

from msc.ir.shapes import neuron_count
from msc.search.generate import draw_connected
from msc.search.lower import require_connected
from msc.search.skeleton import Skeleton
from msc.search.spaces import find_space

DRAWN = 32
_STREAM = 2  # of random numbers, apart from those that draw genes and batches from the same seed


def size_floor(space: str, skeleton: Skeleton, layers: int, seed: int) -> int:
    """Take the lower quartile of the neuron counts of 32 random connected genomes.

    Minimising a sum of distances over neurons (MSE-NAS, equation 7) prefers few neurons; with this floor it
    chooses among the larger three quarters of what random search would see.
    """
    rng = np.random.default_rng([seed, _STREAM])
    counts: list[int] = []
    for _ in range(DRAWN):
        network = require_connected(draw_connected(find_space(space), skeleton, rng, layers, seed)).network
        assert network is not None
        counts.append(neuron_count(network))
    return int(np.quantile(counts, 0.25, method="lower"))
