"""Writes the best network: its drawing, and what each of its populations does and receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import fmean

from msc.ir.describe import shape_text
from msc.ir.graph import update_order
from msc.ir.shapes import population_shapes
from msc.search.evolution.history import StoredEvaluation
from msc.search.evolution.report.study import Study
from msc.search.reporting.drawing import network_figure, population_name
from msc.search.reporting.markup import (
    bar,
    code,
    listed,
    number,
    paragraph,
    percent,
    plural,
    section,
    short_hash,
    table,
    text,
)
from msc.search.reporting.palette import EXCITATION, INHIBITION
from msc.search.scoring.records import Record

_TITLE = "The best network"
_OVERWHELMING = 5.0
_SIGNS = {
    "inhibitory": "Only what inhibitory populations send is held to one sign. All other projections deliver "
    "both, and the normalised ones about as much of either: an I : E above 1 is what inhibition adds.",
    "motif": "Projections inside a motif are held to one sign; those between layers deliver both.",
    "strict": "All projections but those of stem and head are held to one sign.",
    "none": "No projection is held to one sign: each delivers both.",
}


@dataclass(frozen=True)
class _Row:
    """One population: rate in spikes per neuron and step, currents per neuron and step, as magnitudes."""

    name: str
    inhibitory: bool
    shape: tuple[int, ...]
    rate: float | None
    currents: tuple[float, float] | None


def best_section(study: Study) -> str:
    """Draw the best network above the table of its populations."""
    best = study.best
    if best is None:
        words = "There is none: no network that was scored is feasible."
        return section("best", _TITLE, paragraph(words))
    return section("best", _TITLE, _drawing(study, best), _populations(study, best))


def _drawing(study: Study, best: StoredEvaluation) -> str:
    caption = f"Network {short_hash(best.record.hash)}, first met in generation {best.generation}."
    stored = f"Its genome is {code('best.json')} beside this report." if study.finished else ""
    return network_figure(study.genome(best), f"{caption} {stored}")


def _populations(study: Study, best: StoredEvaluation) -> str:
    records = [record for record in study.finals(best.record.hash) if record.failure is None]
    rows = _rows(study, best, records or [best.record])
    measured = any(row.currents for row in rows)
    most_rate = max((row.rate or 0.0 for row in rows), default=0.0) or 1.0
    most = max((max(row.currents) for row in rows if row.currents), default=0.0) or 1.0
    head = ["population", "shape", "neurons", "rate", ""]
    head += ["", "excitatory current", "", "inhibitory current", "I : E"] if measured else []
    numeric = (2, 3, 5, 7, 9)
    body = (_cells(row, most_rate, most, measured) for row in rows)
    return _explained(study, records, rows) + table(head, body, numeric=numeric, kind="populations")


def _explained(study: Study, records: Sequence[Record], rows: Sequence[_Row]) -> str:
    many = f"Means over {plural(len(records), 'weight seed')}."
    rates = "Rates are spikes per neuron and step."
    if not any(row.currents for row in rows):
        return paragraph(rates, "Delivered currents are measured for finalists, and there are none yet.")
    return paragraph(
        many if len(records) > 1 else "Under one weight seed.",
        rates,
        "Currents are what projections deliver to a neuron per step, positive and negative parts apart;",
        "r / tau of a current reaches the membrane in its step.",
        _SIGNS[study.settings["skeleton"]["dale"]],
        _overwhelmed(rows),
    )


def _overwhelmed(rows: Sequence[_Row]) -> str:
    """Name the populations that inhibition leaves little chance to fire."""
    found = [
        f"{text(row.name)} ({inhibition / excitation:.0f} times as much)"
        for row in rows
        if row.currents
        for excitation, inhibition in (row.currents,)
        if excitation and inhibition / excitation > _OVERWHELMING
    ]
    return f"<strong>Inhibition far outweighs excitation in {listed(found)}.</strong>" if found else ""


def _rows(study: Study, best: StoredEvaluation, records: Sequence[Record]) -> list[_Row]:
    """Collect the populations in the order of the data flow, without the input."""
    lowered = study.lowered(best)
    network = lowered.network
    assert network is not None
    shapes = population_shapes(network)
    names = lowered.names
    inhibitory = {names[p.name] for p in lowered.blueprint.populations if p.inhibitory and p.name in names}
    return [
        _Row(
            name,
            name in inhibitory,
            shapes[name],
            _mean([record.rates for record in records], name),
            _mean_currents([record.currents for record in records if record.currents is not None], name),
        )
        for name in update_order(network)
        if name != network.source.name
    ]


def _mean(found: Sequence[Mapping[str, float]], name: str) -> float | None:
    values = [rates[name] for rates in found if name in rates]
    return fmean(values) if values else None


def _mean_currents(
    found: Sequence[Mapping[str, tuple[float, float]]], name: str
) -> tuple[float, float] | None:
    pairs = [currents[name] for currents in found if name in currents]
    if not pairs:
        return None
    return fmean(abs(pair[0]) for pair in pairs), fmean(abs(pair[1]) for pair in pairs)


def _cells(row: _Row, most_rate: float, most: float, measured: bool) -> list[str]:
    colour = INHIBITION if row.inhibitory else EXCITATION
    cells = [
        population_name(row.name, row.inhibitory),
        shape_text(row.shape),
        f"{prod(row.shape):,}",
        "–" if row.rate is None else percent(row.rate),
        "" if row.rate is None else bar(row.rate / most_rate, colour),
    ]
    if not measured:
        return cells
    if row.currents is None:
        return [*cells, "–", "", "–", "", "–"]
    excitation, inhibition = row.currents
    ratio = f"{inhibition / excitation:.2f}" if excitation else "–"
    return [
        *cells,
        number(excitation),
        bar(excitation / most, EXCITATION),
        number(inhibition),
        bar(inhibition / most, INHIBITION),
        ratio,
    ]
