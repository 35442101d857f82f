"""Looks up the energies of a profile as ranges, under the names that profiles give them."""

from __future__ import annotations

from msc.compiler.energy.prices import Range, Standing, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.words import either

ACCUMULATE, MULTIPLY, MULTIPLY_ACCUMULATE = "accumulate", "multiply", "multiply_accumulate"
SYNAPSE, CONVOLUTION = "synaptic_operation", "synaptic_operation_convolution"
UPDATE, INACTIVE, ACTIVE = "neuron_update", "neuron_update_inactive", "neuron_update_active"
SPIKE = "spike"
MESSAGE, WITHIN_TILE = "message", "message_within_tile"
EAST_WEST, NORTH_SOUTH = "hop_east_west", "hop_north_south"
POWER, STEP = "static_power", "step_time"


def energy(profile: EnergyProfile, name: str) -> Range | None:
    """Give an energy of a profile in its unit, from the least to the most that sources say; None for none.

    A multiply-accumulate is a multiplication and an accumulation where it is not given itself.
    """
    figure = profile.energies.get(name)
    if figure is not None:
        return Range(figure.least, figure.most)
    if name == MULTIPLY_ACCUMULATE:
        multiply, accumulate = energy(profile, MULTIPLY), energy(profile, ACCUMULATE)
        return multiply + accumulate if multiply and accumulate else None
    return None


def figures(profile: EnergyProfile, *names: str) -> tuple[str, ...]:
    """List the figures of a profile that energies are made of, each once."""
    made = [(name,) if name in profile.energies else (MULTIPLY, ACCUMULATE) for name in names]
    return tuple(dict.fromkeys(each for group in made for each in group))


def told(profile: EnergyProfile, name: str) -> str:
    """Write an energy that a profile has: "0.9 pJ per accumulate"."""
    found = energy(profile, name)
    assert found is not None
    return f"{either(found.low, found.high)} pJ per {name.replace('_', ' ')}"


def included(name: str, profile: EnergyProfile) -> Term | None:
    """Make the term that another term of the profile holds already; None where none does."""
    words = profile.included.get(name)
    return None if words is None else Term(name, Standing.INCLUDED, words)


def missing(name: str, why: str) -> Term:
    """Make a term that is not known."""
    return Term(name, Standing.MISSING, why)
