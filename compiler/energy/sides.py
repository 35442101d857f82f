"""A stage of an energy report, its projections gathered by the populations they join, relays set aside."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeAlias

import numpy as np

from msc.compiler.energy.report import Stage, StageReport
from msc.compiler.timing import relay_of, start_of
from msc.ir.activity import Integers, Quantity
from msc.ir.fixed import on_host
from msc.ir.network import Network, Projection
from msc.ir.neurons import InputKind, Source

Ends: TypeAlias = tuple[str, str]
"""The population that sends, be it through a relay, and the one that receives."""


class Side:
    """One of two stages that are compared: counts over all its samples, by the populations at both ends.

    Passes merge and join the projections between two populations, retiming lets them start from relays: what
    stays comparable is the pair of populations.
    """

    def __init__(self, report: StageReport) -> None:
        self.stage = report.stage
        self.network: Network = report.wiring.network
        self.source = self.network.source.name
        self.steps = report.activity.steps
        self._wiring = report.wiring
        self._activity = report.activity
        named = [p.name for p in self.network.populations]
        self.relays = tuple(name for name in named if self._repeated(name) is not None)
        self.names = tuple(name for name in named if name != self.source and name not in self.relays)
        self.into_relays = tuple(p for p in self.network.projections if p.target in self.relays)
        self.paths: Mapping[Ends, tuple[Projection, ...]] = self._paths()

    def _repeated(self, name: str) -> str | None:
        """Name the population that a relay repeats; only placed networks have relays."""
        return relay_of(name) if self.stage is Stage.PLACED else None

    def _paths(self) -> dict[Ends, tuple[Projection, ...]]:
        found: dict[Ends, tuple[Projection, ...]] = {}
        for projection in self.network.projections:
            if projection.target not in self.relays:
                ends = (self._repeated(projection.source) or projection.source, projection.target)
                found[ends] = (*found.get(ends, ()), projection)
        return found

    def neurons(self, name: str) -> int:
        """Count the neurons of a population."""
        return prod(self._wiring.shapes[name])

    def updates(self, name: str) -> int:
        """Count the updates of a population's neurons: one in each step and sample."""
        return self.neurons(name) * self.steps * self._activity.samples

    def own_steps(self, name: str) -> int:
        """Count the steps from the one at which a population starts."""
        return self.steps - self.start(name)

    def rate(self, name: str) -> float:
        """Compute a population's spikes per neuron and own step."""
        slots = self.neurons(name) * self.own_steps(name) * self._activity.samples
        return int(self.emitted(name).sum()) / max(slots, 1)

    def start(self, name: str) -> int:
        """Tell the machine step at which a population starts; 0 in logical time."""
        return start_of(self.network.population(name)) if self.stage is Stage.PLACED else 0

    def emitted(self, name: str) -> Integers:
        """Count the spikes (values that are not 0) of each neuron."""
        return self._activity.per_neuron[name]

    def fan_out(self, ends: Ends) -> Integers:
        """Count the synapses of each neuron of the sender on the receiver."""
        return np.sum([self._wiring.synapses[p.name].fan_out for p in self.paths[ends]], axis=0)

    def nonzero(self, ends: Ends) -> int:
        """Count the synapses between two populations whose weights are not zero."""
        return sum(self._wiring.synapses[p.name].nonzero for p in self.paths[ends])

    def structural(self, ends: Ends) -> int:
        """Count the synapses between two populations."""
        return sum(self._wiring.synapses[p.name].structural for p in self.paths[ends])

    def events_of(self, projection: Projection) -> int:
        """Count the events of a projection."""
        return self._activity.total(Quantity.EVENTS, projection.name)

    def events(self, ends: Ends) -> int:
        """Count the events between two populations."""
        return sum(self.events_of(projection) for projection in self.paths[ends])

    def reached(self, ends: Ends) -> int:
        """Count the events that all spikes of a sender would make, delivered in time or not."""
        return int((self.emitted(ends[0]) * self.fan_out(ends)).sum())

    def once(self, ends: Ends) -> bool:
        """Whether the host computes what the source sends once."""
        neuron = self.network.population(ends[0]).neuron
        static = isinstance(neuron, Source) and neuron.kind is InputKind.STATIC
        return static and any(on_host(projection) for projection in self.paths[ends])

    def logical_delay(self, projection: Projection) -> int:
        """Tell the delay of a projection from the source, without the steps until its target starts."""
        return projection.delay - self.start(projection.target)

    def steps_for(self, target: str, logical_delay: int) -> int:
        """Count the steps in which a source with a delay is delivered to a population."""
        return max(self.steps - self.start(target) - logical_delay, 0)

    def delivered_steps(self, projection: Projection) -> int:
        """Count the steps in which a static source is delivered along a projection."""
        if self.once((projection.source, projection.target)) and on_host(projection):
            return 1
        return max(self.steps - projection.delay, 0)

    def reached_in_a_step(self, projection: Projection) -> int:
        """Count the events of one step of a static source, whose values are not rounded."""
        shown = self.emitted(projection.source)
        assert not (shown % max(self.steps, 1)).any(), "a static source sends the same in each step"
        per_step = shown // max(self.steps, 1)
        return int((per_step * self._wiring.synapses[projection.name].fan_out).sum())
