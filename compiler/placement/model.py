"""What a placement is: cores with their blocks of neurons, and how full they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from msc.compiler.placement.blocks import Block, Shape3
from msc.compiler.placement.capacity import Capacity, Resource, capacity_of
from msc.compiler.placement.profile import Profile
from msc.ir.errors import Problem

MEMORY_MODEL = (
    "a synapse takes the bits of its weight; heads of lists, indices and delays are not counted, so that at"
    " least this much is needed; where weights are shared, axons of one core whose synapses have the same"
    " weights at the same distances store them once"
)


@dataclass(frozen=True)
class Core:
    """One core: its blocks, what it uses of each resource, and its synapses.

    `synapses` counts them all, `stored` those that differ where axons share lists.
    """

    blocks: tuple[Block, ...]
    use: Mapping[Resource, int]
    synapses: int
    stored: int

    @property
    def populations(self) -> tuple[str, ...]:
        """The populations that have neurons here, in the order they were placed."""
        return tuple(dict.fromkeys(block.population for block in self.blocks))


@dataclass(frozen=True)
class Placed:
    """One population: its shape (channels, rows, columns) and the tile it was cut into.

    `tile` is None where no core holds a single neuron of it; `relays` names the population whose spikes a
    relay repeats.
    """

    name: str
    shape: Shape3
    tile: Shape3 | None
    relays: str | None = None


@dataclass(frozen=True)
class Placement:
    """Where the neurons of a network go on chips of `profile`, and what does not fit."""

    profile: Profile
    populations: tuple[Placed, ...]
    cores: tuple[Core, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def capacity(self) -> Capacity:
        """What one core has."""
        return capacity_of(self.profile)

    @property
    def cores_per_chip(self) -> int:
        """How many cores a chip has."""
        cores = self.profile.limit("cores_per_chip")
        assert cores is not None  # no profile is read without
        return cores

    @property
    def chips(self) -> int:
        """How many chips the cores fill."""
        return -(-len(self.cores) // self.cores_per_chip)

    @property
    def most_chips(self) -> int:
        """How many chips they fill if a chip has as few cores as any source says."""
        low = self.profile.limits["cores_per_chip"].low
        return self.chips if low is None else -(-len(self.cores) // int(low))

    @property
    def neurons(self) -> int:
        """How many neurons are placed."""
        return sum(core.use[Resource.NEURONS] for core in self.cores)

    def fraction(self, core: Core, resource: Resource) -> float | None:
        """How much of what it has a core uses; None where no limit is known."""
        limit = self.capacity.limits.get(resource)
        return None if limit is None else core.use[resource] / limit

    def fullest(self, core: Core) -> tuple[Resource, float]:
        """Which resource a core has least left of, and how much of it is used."""
        known = {r: core.use[r] / limit for r, limit in self.capacity.limits.items() if r.fills}
        return max(known.items(), key=lambda pair: pair[1])

    @property
    def tightest(self) -> Resource | None:
        """The resource that by itself fills the most cores; None where nothing is placed."""
        limits = {r: limit for r, limit in self.capacity.limits.items() if r.fills}
        if not self.cores:
            return None
        return max(limits, key=lambda r: sum(core.use[r] for core in self.cores) / limits[r])

    def cores_of(self, population: str) -> tuple[int, ...]:
        """The numbers of the cores that have neurons of a population."""
        return tuple(i for i, core in enumerate(self.cores) if population in core.populations)
