"""What a network would cost if its neurons fired at given rates: an estimate that needs no data."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from msc.compiler.energy.footprint import structure
from msc.compiler.energy.prices import NOTHING, PJ_PER_NJ, Range, Standing, Term
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import EnergyProfile, energy_profile_names, load_energy_profile
from msc.compiler.energy.runs import StaticInput
from msc.ir.activity import Column, Quantity
from msc.ir.fixed import on_host
from msc.ir.network import Model
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.synapses import Wiring, wire

RATES = (0.01, 0.05, 0.1, 0.2)
_DIGITS = 6  # of what is no measurement
_MEANING = (
    "an estimate without data: every neuron, and every input that sends events, fires at each of the rates;"
    " all analog input is taken not to be 0; what is n/a is null, and not in a total"
)


def estimate(model: Model) -> dict[str, Any]:
    """Estimate what a model costs at uniform `RATES`, on every profile that comes with msc: plain JSON data.

    Per sample where the network says its steps, else per step. Energies are in nanojoules; static input is
    taken to be computed at every step (`total_nj_once`: once). Equal models give equal data.
    """
    wiring = wire(model)
    network, held = model.network, structure(model, wiring)
    steps = network.timesteps or 1
    neurons = sum(prod(wiring.shapes[p.name]) for p in network.populations if not p.is_source)
    profiles = [load_energy_profile(name) for name in energy_profile_names()]
    return {
        "meaning": _MEANING,
        "per": "step" if network.timesteps is None else "sample",
        "steps": network.timesteps,
        "neurons": neurons,
        "synapses_structural": wiring.structural,
        "synapses_nonzero": wiring.nonzero,
        "connection_sparsity": _rounded(held.connection_sparsity),
        "footprint_bytes": held.footprint(),
        "dense": wiring.structural * steps,
        "neuron_updates_dense": neurons * steps,
        "rates": list(RATES),
        "profiles": {each.name: _on(each, wiring, steps) for each in profiles},
    }


def _on(profile: EnergyProfile, wiring: Wiring, steps: int) -> dict[str, Any]:
    """Tell the energy on one profile: a total and terms, each with one range per rate."""
    counts = [_counts(wiring, rate, steps) for rate in RATES]
    terms = price(wiring, steps, profile, StaticInput.EVERY_STEP, counts[0].keys())
    once = price(wiring, steps, profile, StaticInput.ONCE, counts[0].keys())
    source = wiring.network.source.neuron
    static = isinstance(source, Source) and source.kind is InputKind.STATIC
    return {
        "sha256": profile.sha256,
        "published": profile.published,
        "total_nj": _total(terms, counts),
        "total_nj_once": _total(once, counts) if static else None,
        "terms_nj": {term.name: _term(term, counts) for term in terms},
        "missing": [term.name for term in terms if term.standing is Standing.MISSING],
        "unpriced": [name for term in terms for _, name in term.unpriced],
    }


def _counts(wiring: Wiring, rate: float, steps: int) -> dict[Column, float]:
    """Count what happens in `steps` steps if every neuron fires at `rate`, and values are never 0."""
    network = wiring.network
    source = network.source.neuron
    assert isinstance(source, Source)
    active = {p.name: 1.0 if isinstance(p.neuron, LI) else rate for p in network.populations}
    active[network.source.name] = rate if source.kind is InputKind.EVENTS else 1.0
    counts: dict[Column, float] = {}
    for projection in network.projections:
        delivered = steps if network.timesteps is None else max(steps - projection.delay, 0)
        if source.kind is InputKind.STATIC and on_host(projection):
            delivered = min(delivered, 1)
        synapses = wiring.synapses[projection.name].nonzero
        counts[Quantity.EVENTS, projection.name] = synapses * active[projection.source] * delivered
    for name, share in active.items():
        counts[Quantity.SPIKES, name] = prod(wiring.shapes[name]) * share * steps
    return counts


def _total(terms: tuple[Term, ...], counts: list[dict[Column, float]]) -> list[dict[str, float]] | None:
    prices = [term.price for term in terms if term.price is not None]
    if not prices:
        return None
    return [_told(sum((each.total(found) for each in prices), start=NOTHING)) for found in counts]


def _term(term: Term, counts: list[dict[Column, float]]) -> list[dict[str, float]] | None:
    return None if term.price is None else [_told(term.price.total(found)) for found in counts]


def _told(picojoules: Range) -> dict[str, float]:
    ends: Mapping[str, float] = {"low": picojoules.low, "high": picojoules.high}
    return {name: _rounded(end / PJ_PER_NJ) for name, end in ends.items()}


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
