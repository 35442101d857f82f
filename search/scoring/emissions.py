"""How often neurons emitted a value during an evaluation: what their synaptic events are counted from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msc.ir.activity import Column, Quantity
from msc.ir.network import Network
from msc.ir.neurons import InputKind, Source
from msc.ir.synapses import Wiring


@dataclass(frozen=True, kw_only=True)
class Emissions:
    """What one population emitted over T steps, shown one batch of samples: all integers, exact.

    `totals` [*shape] spikes (of a source: values that are not 0) of each neuron over all steps and samples;
    `late` by delay d of a projection out of the population: those of the last d steps, [*shape].
    """

    population: str
    totals: NDArray[np.int64]
    late: Mapping[int, NDArray[np.int64]] = field(default_factory=dict[int, NDArray[np.int64]])

    def delivered(self, delay: int) -> NDArray[np.int64]:
        """Count those that arrive within T steps along a projection with a delay: [*shape]."""
        return self.totals - self.late[delay] if delay else self.totals


def delays_of(network: Network, population: str) -> tuple[int, ...]:
    """List the delays of the projections out of a population, each once, without 0."""
    return tuple(sorted({p.delay for p in network.out_of(population)} - {0}))


def shown(network: Network, batch: NDArray[np.float32], steps: int) -> Emissions:
    """Count what the source emits over `steps` steps: a static frame [B, *shape] is the same in each."""
    source, delays = network.source, delays_of(network, network.source.name)
    assert isinstance(source.neuron, Source)
    if source.neuron.kind is InputKind.STATIC:
        once = np.count_nonzero(batch, axis=0).astype(np.int64)
        late = {delay: min(delay, steps) * once for delay in delays}
        return Emissions(population=source.name, totals=steps * once, late=late)
    each = np.count_nonzero(batch, axis=1).astype(np.int64)
    late = {delay: each[max(steps - delay, 0) :].sum(axis=0) for delay in delays}
    return Emissions(population=source.name, totals=each.sum(axis=0), late=late)


def counted(wiring: Wiring, found: Iterable[Emissions]) -> dict[Column, int]:
    """Count events by projection and spikes by population as `msc energy` does, over all samples.

    Populations that are not among those found are left out, and so are the projections out of them.
    """
    counts: dict[Column, int] = {}
    for emissions in found:
        counts[Quantity.SPIKES, emissions.population] = int(emissions.totals.sum())
        for projection in wiring.network.out_of(emissions.population):
            fan_out = wiring.synapses[projection.name].fan_out
            events = int((emissions.delivered(projection.delay) * fan_out).sum())
            counts[Quantity.EVENTS, projection.name] = events
    return counts
