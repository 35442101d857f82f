"""Puts together what one stage's run did and what it costs on each profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from msc.compiler.energy.confidence import interval
from msc.compiler.energy.doubts import warnings
from msc.compiler.energy.footprint import structure
from msc.compiler.energy.memory import buffers
from msc.compiler.energy.prices import MEMORY, NOTHING, PJ_PER_NJ, Standing, Term, means
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import EnergyProfile, load_energy_profile
from msc.compiler.energy.report import Priced, PricedTerm, Stage, StageReport, StaticInput
from msc.compiler.energy.twin import Spiking, spiking, twins
from msc.compiler.energy.words import count
from msc.ir.activity import Activity, Column
from msc.ir.network import Model
from msc.ir.synapses import Wiring


def report_stage(
    stage: Stage,
    simulator: str,
    model: Model,
    wiring: Wiring,
    activity: Activity,
    static_input: StaticInput,
    profiles: Sequence[EnergyProfile],
    accuracy: float | None = None,
) -> StageReport:
    """Price what a run of `model` counted on every profile, and on the profiles of the dense twins."""
    counts = means(activity)

    def terms(profile: EnergyProfile) -> tuple[Term, ...]:
        return price(wiring, activity.steps, profile, static_input, activity.columns)

    def spent(name: str) -> Spiking:
        profile = load_energy_profile(name)
        return spiking(profile, terms(profile), counts)

    priced = tuple(_priced(each, terms(each), wiring, activity, counts) for each in profiles)
    found = StageReport(
        stage,
        simulator,
        wiring,
        structure(model, wiring),
        activity,
        static_input,
        priced,
        twins(wiring, activity.steps, spent),
        accuracy,
        (),
    )
    return replace(found, warnings=warnings(found))


def _priced(
    profile: EnergyProfile,
    found: tuple[Term, ...],
    wiring: Wiring,
    activity: Activity,
    counts: Mapping[Column, float],
) -> Priced:
    """Price a run with the terms of one profile; the total holds the known ones alone."""
    terms = tuple(_priced_term(term, counts) for term in found)
    known = [each.range for each in terms if each.range is not None]
    prices = [term.price for term in found if term.price is not None]
    samples = sum((each.per_sample(activity) for each in prices), start=np.zeros((activity.samples, 2)))
    low, high = (interval(samples[:, end] / PJ_PER_NJ) for end in (0, 1))
    has_memory = any(term.name == MEMORY and term.price is not None for term in found)
    return Priced(
        profile,
        terms,
        sum(known, start=NOTHING) if known else None,
        low if known else None,
        high if known else None,
        tuple(term.name for term in found if term.standing is Standing.MISSING),
        buffers(wiring, profile) if has_memory else (),
    )


def _priced_term(term: Term, counts: Mapping[Column, float]) -> PricedTerm:
    told = replace(term, note=_with_unpriced(term, counts))
    if term.price is None:
        return PricedTerm(told, None, {}, {})
    parts, memories = (
        {name: spent.times(1 / PJ_PER_NJ) for name, spent in found.items()}
        for found in (term.price.by_part(counts), term.price.by_memory(counts))
    )
    return PricedTerm(told, sum(parts.values(), start=NOTHING), parts, memories)


def _with_unpriced(term: Term, counts: Mapping[Column, float]) -> str:
    """Add to a term's note how much of what was counted has no price."""
    number = sum(counts[column] for column in term.unpriced)
    return f"{term.note}; not priced: {count(number)} {term.unpriced_note}" if number else term.note
