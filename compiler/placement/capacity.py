"""What a core has of each resource, read from a profile once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from msc.compiler.placement.profile import Profile


class Resource(Enum):
    """What neurons need of a core; the value names it in reports."""

    NEURONS = "neurons"
    MEMORY = "synaptic_memory"
    INPUT_AXONS = "input_axons"
    OUTPUT_AXONS = "output_axons"
    THRESHOLDS = "thresholds"

    @property
    def fills(self) -> bool:
        """Whether it runs out with the neurons: different thresholds only keep populations apart."""
        return self is not Resource.THRESHOLDS

    @property
    def limit(self) -> str:
        """The name of a core's limit in a profile."""
        return f"{self.value}_per_core"

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return "bits of synaptic memory" if self is Resource.MEMORY else self.value.replace("_", " ")


@dataclass(frozen=True)
class Capacity:
    """What one core has: `limits` by resource, those that are not known left out.

    A synapse takes `weight_bits` of memory; with `shares` only weights that are not shared are counted.
    """

    limits: Mapping[Resource, int]
    weight_bits: int
    shares: bool

    def holds(self, resource: Resource, amount: int) -> bool:
        """Whether a core has that much of a resource; it does where no limit is known."""
        return resource not in self.limits or amount <= self.limits[resource]


def capacity_of(profile: Profile) -> Capacity:
    """Read what a core has from a profile."""
    weight_bits = profile.limit("weight_bits")
    assert weight_bits is not None  # no profile is read without
    known = {resource: profile.limit(resource.limit) for resource in Resource}
    limits = {resource: value for resource, value in known.items() if value is not None}
    return Capacity(limits, weight_bits, profile.has("weight_sharing"))
