"""An energy profile that candidates are priced with, named as the user did."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from msc.compiler.energy.energies import MULTIPLY_ACCUMULATE, energy
from msc.compiler.energy.prices import NOTHING, STATIC, Price
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import EnergyProfile, energy_profile_names, load_energy_profile
from msc.compiler.energy.runs import StaticInput
from msc.ir.activity import Column, Quantity
from msc.ir.errors import MscError
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.synapses import Wiring, wire

DEFAULT = "loihi1"
_SPIKES = Network(
    (Population("input", Source((1,), InputKind.EVENTS)), Population("out", LIF())),
    (Projection("input>out", "input", "out"),),
    "out",
)
_COUNTED = (
    (Quantity.EVENTS, "input>out"),
    (Quantity.SPIKES, "input"),
    (Quantity.SPIKES, "out"),
)


class PricingError(MscError):
    """What `--energy-profile` names has no energies to search by."""


@dataclass(frozen=True)
class Pricing:
    """An energy profile, which `name` names as the user did."""

    name: str
    profile: EnergyProfile

    @property
    def multiplies(self) -> bool:
        """Whether synaptic events of values are priced, as those of spikes are."""
        return energy(self.profile, MULTIPLY_ACCUMULATE) is not None

    def prices(self, wiring: Wiring, steps: int, columns: Collection[Column]) -> dict[str, Price]:
        """Price what the profile knows of a network run for `steps` steps, by term of its energy.

        A static input is computed at every step.
        """
        terms = price(wiring, steps, self.profile, StaticInput.EVERY_STEP, columns)
        return {term.name: term.price for term in terms if term.price is not None}


def middle(prices: Mapping[str, Price], counts: Mapping[Column, float]) -> float:
    """Price counts per sample in picojoules, in the middle of low and high; NaN where nothing is known."""
    found = sum((each.total(counts) for each in prices.values()), start=NOTHING)
    return (found.low + found.high) / 2 if prices else float("nan")


def parse_pricing(name: str) -> Pricing:
    """Read an energy profile to search by; raises PricingError, EnergyProfileError or FileError.

    One that prices nothing that spikes do is refused: all networks would cost the same.
    """
    pricing = Pricing(name, load_energy_profile(name))
    if not set(pricing.prices(wire(Model(_SPIKES)), 1, _COUNTED)) - {STATIC}:
        why = f": {pricing.profile.note}" if pricing.profile.note else ""
        known = (each for each in energy_profile_names() if load_energy_profile(each).published)
        raise PricingError.of(
            f"--energy-profile {name}",
            f"prices neither events nor updates of a spiking network{why}",
            f"use one of: {', '.join(known)}, or a .toml file of your own",
        )
    return pricing
