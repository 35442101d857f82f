"""Spikes for the tests of measures: one pair of samples small enough to work by hand, and random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from msc.ir.network import Network
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear
from msc.search.scoring.emissions import delays_of, shown
from msc.search.scoring.fitness import Evidence
from msc.search.scoring.pricing import Pricing, parse_pricing
from msc.search.scoring.responses import Response, respond
from tests.networks import edge, net

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
SHAPED: Network = net(
    Source((3, 4, 5), InputKind.EVENTS),
    {"a": LIF(), "b": LIF(), "c": LIF()},
    edge("input", "a"),
    edge("a", "c", Conv2d(2, (4, 4))),
    edge("a", "b", Flatten(), Linear(7)),
    edge("c", "b", Flatten(), Linear(7), delay=1),
    output="b",
)
LOIHI = parse_pricing("loihi1")


def evidence(
    *batches: Batch,
    network: Network = SHAPED,
    inputs: Sequence[Spikes] | None = None,
    pricing: Pricing | None = LOIHI,
) -> Evidence:
    """What an evaluation finds out about batches of spikes, as answers to `inputs` (None: to nothing)."""
    digests = [
        tuple(respond(name, torch.from_numpy(s), delays_of(network, name)) for name, s in batch.items())
        for batch in batches
    ]
    given = inputs or [_nothing(network, responses[0]) for responses in digests]
    seen = (shown(network, x, found[0].steps) for x, found in zip(given, digests, strict=True))
    return Evidence(network, tuple(digests), inputs=tuple(seen), pricing=pricing)


def _nothing(network: Network, response: Response) -> Spikes:
    """An input that is 0 everywhere."""
    source = network.source.neuron
    assert isinstance(source, Source)
    steps = () if source.kind is InputKind.STATIC else (response.steps,)
    return np.zeros((*steps, response.samples, *source.shape), np.float32)


def random_batch(seed: int, steps: int = 4, samples: int = 6) -> Batch:
    """Populations of several sizes and rates; neurons have rates of their own, and follow the sample."""
    rng = np.random.default_rng(seed)
    batch: dict[str, Spikes] = {}
    for name, shape in SHAPES.items():
        rates = rng.random((1, 1, *shape)) * rng.uniform(0.3, 1) + rng.normal(0, 0.1, (1, samples, *shape))
        batch[name] = (rng.random((steps, samples, *shape)) < rates).astype(np.float32)
    return batch
