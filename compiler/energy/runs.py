"""A run as prices see it: its network, its steps, and what is computed once instead of at every step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import prod

from msc.ir.activity import Column
from msc.ir.fixed import on_host
from msc.ir.network import Network, Projection
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.synapses import Wiring


class StaticInput(Enum):
    """Whether the current of a static frame is computed once, or at every step as a simulator of NIR does."""

    ONCE = "once"
    EVERY_STEP = "every-step"


@dataclass(frozen=True, eq=False)
class Run:
    """What was run: `steps` steps of a network (those of the machine, in machine time), `columns` counted."""

    wiring: Wiring
    steps: int
    static_input: StaticInput
    columns: Collection[Column]

    @property
    def network(self) -> Network:
        """The network that was run."""
        return self.wiring.network

    @cached_property
    def is_static(self) -> bool:
        """Whether the source shows one frame at every step."""
        source = self.network.source.neuron
        return isinstance(source, Source) and source.kind is InputKind.STATIC

    @cached_property
    def _populations(self) -> frozenset[str]:
        return frozenset(population.name for population in self.network.populations)

    def neurons(self, population: str) -> int:
        """Count the neurons of a population."""
        return prod(self.wiring.shapes[population])

    def updates(self, population: str) -> int:
        """Count its updates if every neuron is updated at every step."""
        return self.neurons(population) * self.steps

    def part(self, projection: Projection) -> str:
        """Name a projection among the parts of an energy, where populations are parts, too."""
        return projection.name + (" (projection)" if projection.name in self._populations else "")

    def computed(self, projection: Projection) -> float:
        """Say which share of a projection's counted events is computed.

        All, but one step's of a static frame that is computed once. (Events that a host computes from a
        static frame are counted once already.)
        """
        if self._is_held(projection) and not on_host(projection):
            return 1 / max(self.steps - projection.delay, 1)
        return 1.0

    def sent(self, population: str) -> float:
        """Say which share of a population's counted emissions is sent: a static frame may be sent once."""
        held = population == self.network.source.name and self._sends_once
        return 1 / self.steps if held else 1.0

    def sends_values(self, population: str) -> bool:
        """Whether a population emits values, which are sent with their addresses, and no spikes."""
        neuron = self.network.population(population).neuron
        if isinstance(neuron, Source):
            return neuron.kind is not InputKind.EVENTS
        return isinstance(neuron, LI)

    def holds_current(self, population: str) -> bool:
        """Whether a current of a static frame is kept for a population, and added at every step."""
        return any(self._is_held(projection) for projection in self.network.into(population))

    @property
    def _sends_once(self) -> bool:
        projections = self.network.out_of(self.network.source.name)
        return bool(projections) and all(self._is_held(projection) for projection in projections)

    def _is_held(self, projection: Projection) -> bool:
        """Whether the current of a projection is computed once: as was asked, or because a host does."""
        if not self.is_static or projection.source != self.network.source.name:
            return False
        return self.static_input is StaticInput.ONCE or on_host(projection)
