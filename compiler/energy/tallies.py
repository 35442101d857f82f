"""Adds up what a stage's populations and projections did, as exact means per sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from msc.compiler.energy.report import StageReport
from msc.ir.activity import Quantity
from msc.ir.fixed import on_host
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.synapses import Operation, operation


@dataclass(frozen=True)
class Members:
    """One population: its neurons, what they did per sample, and how many of them never did.

    `spiking` is False for the input and for leaky integrators, whose `spikes` are values that are not 0.
    `updates` (membranes that a step changed) is None where they were not seen; `silent` counts neurons that
    emitted nothing in any sample.
    """

    name: str
    spiking: bool
    is_source: bool
    neurons: int
    spikes: float
    steps: int
    updates: float | None
    silent: int

    @property
    def rate(self) -> float:
        """Emissions per neuron and step."""
        return self.spikes / (self.neurons * self.steps)


@dataclass(frozen=True)
class Joined:
    """One projection: its synapses, and its events per sample.

    `dense` is what all of them would be at every step, `once` the events of a static frame that is computed
    a single time (None for other inputs).
    """

    name: str
    source: str
    target: str
    operation: Operation
    delay: int
    structural: int
    nonzero: int
    events: float
    dense: int
    once: float | None

    @property
    def per_synapse(self) -> float | None:
        """Events per synapse and inference; None where all weights are zero."""
        return self.events / self.nonzero if self.nonzero else None


@dataclass(frozen=True)
class Total:
    """All populations and projections together, per sample; `rate` and `silent` over those that spike.

    `per_synapse` are the events per synapse and inference of the projections that carry spikes.
    """

    neurons: int
    spiking: int
    spikes: float
    rate: float | None
    silent: int
    acs: float
    macs: float
    macs_once: float | None
    dense: int
    updates: float | None
    dense_updates: int
    structural: int
    nonzero: int
    per_synapse: float | None

    @property
    def silent_share(self) -> float | None:
        """The share of spiking neurons that never fired."""
        return self.silent / self.spiking if self.spiking else None


def mean(total: int, samples: int) -> int | float:
    """Average a count over samples; whole means are integers."""
    whole, rest = divmod(total, samples)
    return total / samples if rest else whole


def is_static(stage: StageReport) -> bool:
    """Whether the input shows one frame at every step."""
    source = stage.wiring.network.source.neuron
    return isinstance(source, Source) and source.kind is InputKind.STATIC


def is_on_host(stage: StageReport) -> bool:
    """Whether a host makes currents of the input, which a static frame needs once."""
    network = stage.wiring.network
    return any(on_host(projection) for projection in network.out_of(network.source.name))


def members(stage: StageReport) -> list[Members]:
    """Tell what each population did, in the network's order, the source too."""
    activity = stage.activity
    return [
        Members(
            population.name,
            not isinstance(population.neuron, Source | LI),
            population.is_source,
            prod(stage.wiring.shapes[population.name]),
            mean(activity.total(Quantity.SPIKES, population.name), activity.samples),
            activity.steps,
            mean(activity.total(Quantity.UPDATES, population.name), activity.samples)
            if activity.saw_membranes and not population.is_source
            else None,
            int((activity.per_neuron[population.name] == 0).sum()),
        )
        for population in stage.wiring.network.populations
    ]


def joined(stage: StageReport) -> list[Joined]:
    """Tell what each projection delivered, in the network's order."""
    return [each for each, _, _ in _joined(stage)]


def _joined(stage: StageReport) -> Iterator[tuple[Joined, int, int]]:
    """Tell what each projection delivered, with its events over all samples, at all steps and once.

    What a host makes of a static frame it makes once, and is counted once.
    """
    network, activity = stage.wiring.network, stage.activity
    for projection in network.projections:
        found = stage.wiring.synapses[projection.name]
        events = activity.total(Quantity.EVENTS, projection.name)
        held = is_static(stage) and projection.source == network.source.name
        repeated = held and not on_host(projection)
        once = events // max(activity.steps - projection.delay, 1) if repeated else events
        yield (
            Joined(
                projection.name,
                projection.source,
                projection.target,
                operation(network, projection),
                projection.delay,
                found.structural,
                found.nonzero,
                mean(events, activity.samples),
                found.structural * activity.steps,
                mean(once, activity.samples) if held else None,
            ),
            events,
            once,
        )


def total(stage: StageReport) -> Total:
    """Add up all populations of neurons and all projections."""
    samples, activity = stage.activity.samples, stage.activity
    neurons = [each for each in members(stage) if not each.is_source]
    spiking = [each for each in neurons if each.spiking]
    spikes = sum(activity.total(Quantity.SPIKES, each.name) for each in spiking)
    slots = sum(each.neurons for each in spiking) * activity.steps * samples
    found = list(_joined(stage))
    carried = [row for row in found if row[0].operation is Operation.AC]
    values = [row for row in found if row[0].operation is Operation.MAC]
    acs, reached = sum(events for _, events, _ in carried), sum(each.nonzero for each, _, _ in carried)
    return Total(
        neurons=sum(each.neurons for each in neurons),
        spiking=sum(each.neurons for each in spiking),
        spikes=mean(spikes, samples),
        rate=spikes / slots if slots else None,
        silent=sum(each.silent for each in spiking),
        acs=mean(acs, samples),
        macs=mean(sum(events for _, events, _ in values), samples),
        macs_once=mean(sum(once for _, _, once in values), samples) if is_static(stage) else None,
        dense=sum(each.dense for each, _, _ in found),
        updates=mean(activity.total(Quantity.UPDATES), samples) if activity.saw_membranes else None,
        dense_updates=sum(each.neurons for each in neurons) * activity.steps,
        structural=stage.wiring.structural,
        nonzero=stage.wiring.nonzero,
        per_synapse=acs / (reached * samples) if reached else None,
    )
