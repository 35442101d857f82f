"""Spikes for the tests of measures: one pair of samples small enough to work by hand, and random ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from msc.ir.network import Network
from msc.search.scoring.fitness import Evidence
from msc.search.scoring.responses import respond
from tests.networks import STRUCTURES

Spikes = NDArray[np.float32]
Batch = Mapping[str, Spikes]  # [T, B, *shape] by population

# Two steps, two samples, three neurons.
#            step 1   step 2   counts
# sample 0   1 0 1    1 0 0    2 0 1
# sample 1   0 1 1    0 0 1    0 1 2
BY_HAND: Spikes = np.array([[[1, 0, 1], [0, 1, 1]], [[1, 0, 0], [0, 0, 1]]], dtype=np.float32)
SILENT: Spikes = np.zeros_like(BY_HAND)
SATURATED: Spikes = np.ones_like(BY_HAND)

SHAPES = {"a": (3, 4, 5), "b": (7,), "c": (2, 1, 2)}


def evidence(*batches: Batch, network: Network = STRUCTURES["chain"]) -> Evidence:
    """What an evaluation finds out about batches of spikes."""
    digests = [tuple(respond(name, torch.from_numpy(s)) for name, s in batch.items()) for batch in batches]
    return Evidence(network, tuple(digests))


def random_batch(seed: int, steps: int = 4, samples: int = 6) -> Batch:
    """Populations of several sizes and rates; neurons have rates of their own, and follow the sample."""
    rng = np.random.default_rng(seed)
    batch: dict[str, Spikes] = {}
    for name, shape in SHAPES.items():
        rates = rng.random((1, 1, *shape)) * rng.uniform(0.3, 1) + rng.normal(0, 0.1, (1, samples, *shape))
        batch[name] = (rng.random((steps, samples, *shape)) < rates).astype(np.float32)
    return batch
