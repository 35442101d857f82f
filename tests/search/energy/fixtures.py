"""Energy reports of networks that never ran, with figures that a test can choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from msc.compiler.energy.footprint import Structure
from msc.compiler.energy.prices import CHIP, TERMS, Range, Standing, Term
from msc.compiler.energy.profile import EnergyProfile, Memory
from msc.compiler.energy.report import (
    Change,
    EnergyReport,
    Interval,
    Priced,
    PricedTerm,
    Stage,
    StageReport,
    StaticInput,
    Twin,
)
from msc.compiler.figures import Figure, Status
from msc.ir.activity import Activity, Quantity
from msc.ir.network import Network, Population, Projection
from msc.ir.neurons import LI, LIF, Source
from msc.ir.ops import Linear
from msc.ir.synapses import Synapses, Wiring

SYNAPTIC, UPDATES, MEMORY, MESSAGES, STATIC = TERMS
NEURONS = 12
NAMES = ("stem", "layer1.A", "layer1.I", "head")
EVIL = "<script>alert(\"&')</script>"
NOTES = {
    Standing.KNOWN: "27.1 pJ per synaptic operation",
    Standing.INCLUDED: "the synaptic operation holds its memory accesses",
    Standing.MISSING: "the network was not placed: --stage placed",
}


def chain(
    names: Sequence[str] = NAMES, source: Source | None = None, last: LIF | LI | None = None
) -> Network:
    """Populations of `NEURONS` neurons, each fed by the one before it."""
    inside = [Population(name, LIF()) for name in names[:-1]]
    populations = (
        Population("input", source or Source((NEURONS,))),
        *inside,
        Population(names[-1], last or LIF()),
    )
    joins = pairwise(populations)
    projections = (Projection(f"{a.name}>{b.name}", a.name, b.name, (Linear(NEURONS),)) for a, b in joins)
    return Network(populations, tuple(projections), names[-1], 4)


def wiring(network: Network, fan_out: int = 10) -> Wiring:
    """All to all, with some weights of zero."""
    found = Synapses(NEURONS * NEURONS, NEURONS * fan_out, np.full(NEURONS, fan_out, np.int64))
    return Wiring(
        network,
        {population.name: (NEURONS,) for population in network.populations},
        {projection.name: found for projection in network.projections},
    )


def activity(
    wired: Wiring,
    samples: int = 40,
    steps: int = 4,
    rate: float = 0.2,
    membranes: bool = True,
    seed: int = 0,
) -> Activity:
    """Draw spikes, the first neuron of each population silent; the input shows values everywhere."""
    rng = np.random.default_rng(seed)
    columns: list[tuple[Quantity, str]] = []
    counts: list[np.ndarray[Any, Any]] = []
    emitted: dict[str, np.ndarray[Any, Any]] = {}
    for population in wired.network.populations:
        drawn = rng.random((steps, samples, NEURONS)) < rate
        drawn[:, :, 0] = False
        emitted[population.name] = np.ones_like(drawn) if population.is_source else drawn
    for projection in wired.network.projections:
        columns.append((Quantity.EVENTS, projection.name))
        shown = emitted[projection.source][: steps - projection.delay]
        counts.append((shown * wired.synapses[projection.name].fan_out).sum(axis=(0, 2)))
    for population in wired.network.populations:
        columns.append((Quantity.SPIKES, population.name))
        counts.append(emitted[population.name].sum(axis=(0, 2)))
        if membranes and not population.is_source:
            columns.append((Quantity.UPDATES, population.name))
            counts.append(np.full(samples, NEURONS * steps - 3))
    return Activity(
        steps,
        tuple(columns),
        np.stack(counts, axis=1).astype(np.int64),
        {name: spikes.sum(axis=(0, 1)) for name, spikes in emitted.items()},
        emitted[wired.network.output].sum(axis=0).astype(float),
        {name: spikes[:200, 0, :64] for name, spikes in emitted.items()},
    )


def constant(value: float = 23.6, unit: str = "pJ", **changed: Any) -> Figure:
    known = Figure(value, unit, "Davies 2018, table 2", 2018, Status.PUBLISHED, node="14 nm")
    return replace(known, **changed)


def profile(name: str = "loihi1", published: bool = True, **changed: Any) -> EnergyProfile:
    """A profile with one figure of each status; none where it is unpublished."""
    energies = {
        "synaptic_operation": constant(),
        "neuron_update_active": constant(81.0, status=Status.UNVERIFIED),
        "hop_north_south": constant(4.0, status=Status.CONFLICTING, low=4.0, high=4.2),
    }
    known = EnergyProfile(
        name,
        f"The title of {name}",
        "14 nm",
        published,
        "what was read where",
        energies if published else {},
        {"memory": "the synaptic operation"} if published else {},
        (Memory(8192, 64, constant(10.0)),) if published else (),
        {"weight_bits": constant(8.0, "bits")} if published else {},
        "ab" * 32,
    )
    return replace(known, **changed)


def known(name: str, by_part: Mapping[str, Range], note: str = NOTES[Standing.KNOWN]) -> PricedTerm:
    whole = sum(by_part.values(), start=Range(0.0, 0.0))
    return PricedTerm(Term(name, Standing.KNOWN, note), whole, by_part, {})


def unknown(name: str, standing: Standing = Standing.MISSING, note: str | None = None) -> PricedTerm:
    return PricedTerm(Term(name, standing, NOTES[standing] if note is None else note), None, {}, {})


def priced(found: EnergyProfile, terms: Sequence[PricedTerm], samples: int = 40) -> Priced:
    """Add up the terms; other terms are missing. Intervals are 4 % wide at both ends."""
    by_name = {each.term.name: each for each in terms}
    every = tuple(by_name.get(name) or unknown(name) for name in TERMS)
    ranges = [each.range for each in every if each.range is not None]
    total = sum(ranges, start=Range(0.0, 0.0)) if ranges else None
    low, high = (
        (None, None) if total is None else (_interval(total.low, samples), _interval(total.high, samples))
    )
    missing = tuple(each.term.name for each in every if each.term.standing is Standing.MISSING)
    return Priced(found, every, total, low, high, missing, ())


def _interval(mean: float, samples: int) -> Interval:
    return Interval(mean, None if samples == 1 else (0.98 * mean, 1.02 * mean))


def spread(wired: Wiring, each: float, factor: float = 1.0, updates: bool = False) -> dict[str, Range]:
    """Energies of projections (or populations), each greater than the one before."""
    network = wired.network
    names = [p.name for p in network.populations[1:]] if updates else [p.name for p in network.projections]
    return {name: Range(each * (i + 1), factor * each * (i + 1)) for i, name in enumerate(names)}


def chip(wired: Wiring, name: str = "loihi1", samples: int = 40, scale: float = 1.0) -> Priced:
    """A chip that includes memory in its operations, and does not know its messages."""
    terms = (
        known(SYNAPTIC, spread(wired, 20.0 * scale)),
        known(UPDATES, spread(wired, 10.0 * scale, 1.5, updates=True)),
        unknown(MEMORY, Standing.INCLUDED),
        known(STATIC, {CHIP: Range(1.0, 1.0)}),
    )
    return priced(profile(name), terms, samples)


def cmos(wired: Wiring, samples: int = 40) -> Priced:
    terms = (
        known(SYNAPTIC, spread(wired, 0.1)),
        known(UPDATES, spread(wired, 0.2, updates=True)),
        known(MEMORY, spread(wired, 2.0)),
    )
    return priced(profile("cmos45-int8", title="CMOS 45 nm", node="45 nm"), terms, samples)


def unpublished(name: str = "loihi2", samples: int = 40) -> Priced:
    return priced(profile(name, published=False), (), samples)


def twin(name: str = "int8", **changed: Any) -> Twin:
    """A twin that needs more by arithmetic and less with memory that is read once."""
    usual = Twin(
        name,
        "cmos45-int8",
        147_132,
        8,
        Range(33.8, 33.8),
        Range(31.6, 367.8),
        Range(15.3, 15.3),
        Range(300.0, 310.0),
    )
    return replace(usual, **changed)


def stage(which: Stage = Stage.TRAINED, network: Network | None = None, **changed: Any) -> StageReport:
    """A stage of a network; `samples`, `steps`, `rate`, `membranes` and `seed` choose what it did."""
    wired = wiring(network or chain())
    acts = {k: changed.pop(k) for k in ("samples", "steps", "rate", "membranes", "seed") if k in changed}
    samples = acts.get("samples", 40)
    usual = StageReport(
        which,
        "torch" if which is Stage.TRAINED else "emulator",
        wired,
        Structure({p.name: NEURONS**2 for p in wired.network.projections}, {}, 0, 0),
        activity(wired, **acts),
        StaticInput.EVERY_STEP,
        (chip(wired, samples=samples), cmos(wired, samples), unpublished(samples=samples)),
        (twin(),),
        0.872,
        (),
    )
    return replace(usual, **changed)


def report(*stages: StageReport, **changed: Any) -> EnergyReport:
    """A report of stages, the later ones explained by two reasons each."""
    found = stages or (stage(),)
    reasons = (Change("weights that round to zero", -120.0, 0.0), Change("relays in the machine", 48.0, 96.0))
    usual = EnergyReport(
        "fashion-mnist.json",
        {"network": "sha256 0123456789ab", "data": "fashion-mnist, test split"},
        found,
        {each.stage: reasons for each in found[1:]},
    )
    return replace(usual, **changed)


def three_stages() -> EnergyReport:
    return report(
        stage(), stage(Stage.QUANTISED, seed=1), stage(Stage.PLACED, steps=7, seed=2, membranes=False)
    )


def many(count: int = 100) -> StageReport:
    """A hundred populations, among them some whose names are long or hostile."""
    names = [f"layer{i}.A" for i in range(count)]
    names[3] = '<b>&"x'
    names[4] = "layer4." + "very_long_name_of_a_population_" * 4
    names[-1] = f"{EVIL}.head"
    return stage(network=chain(names))
