"""Synaptic operations: spikes times the synapses they travel over, what an event-driven chip spends."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from msc.ir.activity import Column, Quantity
from msc.ir.network import Network
from msc.ir.synapses import Operation, operation
from msc.search.scoring.fitness import Better, Evidence, Fitness


def synops(evidence: Evidence) -> float:
    """Counts synaptic events per sample over all T steps, mean over batches.

    The effective ACs of `msc energy`, if no weight is zero: the sum over projections and source neurons of
    the neuron's spikes times the neurons it has synapses on (pairs that the ops connect, inside the borders
    of the map). What a delay carries past the last step does not count, events of the input do; values of an
    analog input cost multiplications, and are left out.
    """
    return fmean(_events(evidence.network, counts) / evidence.samples for counts in evidence.counts)


def _events(network: Network, counts: Mapping[Column, int]) -> int:
    spiking = (p.name for p in network.projections if operation(network, p) is Operation.AC)
    return sum(counts.get((Quantity.EVENTS, name), 0) for name in spiking)


FITNESS = Fitness(
    name="synops",
    title="synaptic operations per sample",
    better=Better.LOWER,
    source="spikes x synapses out of each neuron (SynOps), as event-driven chips count them",
    measure=synops,
)
