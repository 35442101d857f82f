"""The energy of neuron updates: a chip's own figures, or the arithmetic of every neuron at every step."""

from __future__ import annotations

from collections.abc import Iterator

from msc.compiler.energy.energies import (
    ACCUMULATE,
    ACTIVE,
    INACTIVE,
    MULTIPLY_ACCUMULATE,
    SPIKE,
    UPDATE,
    energy,
    figures,
    included,
    missing,
    told,
)
from msc.compiler.energy.prices import NOTHING, UPDATES, Charge, Price, Range, Standing, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import Run
from msc.compiler.energy.updates import Update, kind_words, update
from msc.ir.activity import Quantity
from msc.ir.network import Population
from msc.ir.neurons import LI

_EVERY = "every neuron at every step"


def neuron_updates(run: Run, profile: EnergyProfile) -> Term:
    """Price the updates of all neurons at all steps, as the chip's figures say or by their arithmetic."""
    held = included(UPDATES, profile)
    if held is not None:
        return held
    if UPDATE in profile.energies:
        return _term(run, profile, [UPDATE], [told(profile, UPDATE), _EVERY])
    if ACTIVE in profile.energies:
        notes = [told(profile, INACTIVE), told(profile, ACTIVE), _EVERY, _active_words(run)]
        return _term(run, profile, [INACTIVE, ACTIVE], notes)
    return _arithmetic(run, profile)


def _neurons(run: Run) -> Iterator[Population]:
    return (population for population in run.network.populations if not population.is_source)


def _term(run: Run, profile: EnergyProfile, used: list[str], notes: list[str]) -> Term:
    """Charge a chip's figures, and what a spike takes where the profile says so."""
    spike = energy(profile, SPIKE)
    charges: list[Charge] = []
    for population in _neurons(run):
        name = population.name
        base = (energy(profile, used[0]) or NOTHING).times(run.updates(name))
        charges.append(Charge(name, None, base.low, base.high))
        if ACTIVE in used:
            charges += _active(run, population, profile)
        if spike is not None and not isinstance(population.neuron, LI):
            charges.append(Charge(name, (Quantity.SPIKES, name), spike.low, spike.high))
    if spike is not None:
        used, notes = [*used, SPIKE], [*notes, told(profile, SPIKE)]
    return Term(UPDATES, Standing.KNOWN, "; ".join(notes), Price(tuple(charges)), figures(profile, *used))


def _active(run: Run, population: Population, profile: EnergyProfile) -> Iterator[Charge]:
    """Charge what active updates take more than inactive ones; sources do not say which neurons are active.

    Those that spike are the fewest, those whose membrane changes the most, or all where that was not seen.
    """
    active, inactive = energy(profile, ACTIVE) or NOTHING, energy(profile, INACTIVE) or NOTHING
    name = population.name
    if not isinstance(population.neuron, LI):
        yield Charge(name, (Quantity.SPIKES, name), active.low - inactive.low, 0.0)
    changed = (Quantity.UPDATES, name)
    most = active.high - inactive.high
    if changed in run.columns:
        yield Charge(name, changed, 0.0, most)
    else:
        yield Charge(name, None, 0.0, most * run.updates(name))


def _active_words(run: Run) -> str:
    seen = any(quantity is Quantity.UPDATES for quantity, _ in run.columns)
    most = "whose membrane changes" if seen else "at all, membranes were not seen"
    return f"active: neurons that spike (low) to neurons {most} (high)"


def _arithmetic(run: Run, profile: EnergyProfile) -> Term:
    """Charge multiply-accumulates and additions."""
    found = {p.name: _update_of(run, p) for p in _neurons(run)}
    needed = {
        MULTIPLY_ACCUMULATE: any(each.multiply_accumulates for each in found.values()),
        ACCUMULATE: any(each.additions for each in found.values()),
    }
    energies = {name: energy(profile, name) for name, is_needed in needed.items() if is_needed}
    absent = [name for name, each in energies.items() if each is None]
    if absent:
        return missing(UPDATES, f"the profile has no neuron_update, and no {' and no '.join(absent)}")
    charges: list[Charge] = []
    for name, each in found.items():
        spent = _spent(each, energies).times(run.updates(name))
        charges.append(Charge(name, None, spent.low, spent.high))
    kinds = dict.fromkeys(kind_words(p.neuron, _adds_constant(run, p)) for p in _neurons(run))
    note = f"{_EVERY}: {', '.join(kinds)}; {'; '.join(told(profile, name) for name in energies)}"
    return Term(UPDATES, Standing.KNOWN, note, Price(tuple(charges)), figures(profile, *energies))


def _adds_constant(run: Run, population: Population) -> bool:
    return population.bias or run.holds_current(population.name)


def _update_of(run: Run, population: Population) -> Update:
    return update(population.neuron, _adds_constant(run, population))


def _spent(each: Update, energies: dict[str, Range | None]) -> Range:
    macs = (energies.get(MULTIPLY_ACCUMULATE) or NOTHING).times(each.multiply_accumulates)
    return macs + (energies.get(ACCUMULATE) or NOTHING).times(each.additions)
