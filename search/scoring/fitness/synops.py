"""Synaptic operations: spikes times the synapses they travel over, what an event-driven chip spends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from msc.ir.counts import fan_out
from msc.ir.network import Network
from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.responses import Response


def synops(evidence: Evidence) -> float:
    """Counts synaptic events per sample over all T steps, mean over batches.

    Sum over populations and neurons of the neuron's spikes times the neurons it has synapses on (pairs that
    the ops of its projections connect, inside the borders of the map). Events that a delay carries past the
    last step count. The input is left out: an analog one costs multiplications, events are no response of
    a population.
    """
    synapses = {r.population: _synapses(evidence.network, r) for r in evidence.batches[0]}
    return fmean(_of_batch(responses, synapses) for responses in evidence.batches)


def _of_batch(responses: Sequence[Response], synapses: Mapping[str, NDArray[np.int64]]) -> float:
    events = sum(int((response.totals * synapses[response.population]).sum()) for response in responses)
    return events / responses[0].samples


def _synapses(network: Network, response: Response) -> NDArray[np.int64]:
    """Count the synapses out of each neuron of a population."""
    none = np.zeros(response.shape, dtype=np.int64)
    return sum((fan_out(p, response.shape) for p in network.out_of(response.population)), start=none)


FITNESS = Fitness(
    name="synops",
    title="synaptic operations per sample",
    better=Better.LOWER,
    source="spikes x synapses out of each neuron (SynOps), as event-driven chips count them",
    measure=synops,
)
