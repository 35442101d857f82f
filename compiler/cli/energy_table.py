"""What `msc energy` answers on a terminal: counts, energies, and what to make of them, in 80 columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from msc.compiler.cli import output
from msc.compiler.cli.energy_limit import NANOJOULES
from msc.compiler.energy.comparing import Comparison, Winner, comparisons, conclusion
from msc.compiler.energy.prices import SYNAPTIC, Range, Standing, Term
from msc.compiler.energy.report import Change, EnergyReport, Interval, Priced, StageReport, StaticInput
from msc.compiler.energy.tallies import Total, is_static, joined, members, total
from msc.compiler.energy.words import count, digits, factors, percent, size, span
from msc.ir.fixed import on_host
from msc.ir.neurons import InputKind, Source

_TITLE = 26  # columns of a row's title
_CELL = 18  # columns of a stage
_POPULATIONS, _PROJECTIONS = 8, 6  # rows that are told; all are in --json
_NO_ENERGY = "n/a"
_FIGURE = re.compile(r"\d[\d,.]*")


def lines(report: EnergyReport) -> Iterator[str]:
    """Make what is printed for people, at most 80 columns wide where names leave room for that."""
    first = report.stages[0]
    parts = (
        *(_energies(report, place) for place in range(len(first.profiles))),
        _twins(first),
        _counts(report),
        _changes(report),
        _populations(first),
        _projections(first),
        _warnings(report),
    )
    yield from _opening(report)
    for part in map(list, parts):
        yield from ("", *part) if part else ()


def _opening(report: EnergyReport) -> Iterator[str]:
    """Say what ran on what, and how."""
    yield from _paragraph(f"{report.title}: energy per sample, counted exactly, priced as published", "")
    width = max(map(len, (*report.facts, *(stage.stage.value for stage in report.stages))))
    rows = [*report.facts.items(), *((stage.stage.value, _run(stage)) for stage in report.stages)]
    for name, text in rows:
        yield from _paragraph(f"{name:{width}}  {text}", " " * (width + 2))


def _run(stage: StageReport) -> str:
    parts = [f"{stage.activity.samples} samples of {stage.activity.steps} steps on {stage.simulator}"]
    if is_static(stage):
        parts.append(f"a frame's current computed {_when(stage)}")
    if stage.accuracy is not None:
        parts.append(f"accuracy {stage.accuracy:.2%}")
    return ", ".join(parts)


def _when(stage: StageReport) -> str:
    network = stage.wiring.network
    if all(on_host(projection) for projection in network.out_of(network.source.name)):
        return "once, by a host"
    return "once" if stage.static_input is StaticInput.ONCE else "at every step"


def _counts(report: EnergyReport) -> Iterator[str]:
    """Lay out what the stages did, with NeuroBench's names where it has them."""
    totals = [total(stage) for stage in report.stages]
    yield _row("per sample", [stage.stage.value for stage in report.stages])
    rows: list[tuple[str, Callable[[Total], str | None]]] = [
        ("spikes", lambda t: count(t.spikes)),
        ("  per neuron and step", lambda t: None if t.rate is None else digits(t.rate)),
        ("silent neurons", lambda t: None if t.silent_share is None else percent(t.silent_share)),
        ("effective ACs", lambda t: count(t.acs)),
        ("effective MACs", lambda t: count(t.macs)),
        ("  with the frame once", lambda t: None if t.macs_once is None else count(t.macs_once)),
        ("dense operations", lambda t: count(t.dense)),
        ("ACs per synapse", lambda t: None if t.per_synapse is None else digits(t.per_synapse)),
        ("membrane updates", lambda t: None if t.updates is None else count(t.updates)),
        ("neuron updates, dense", lambda t: count(t.dense_updates)),
    ]
    for name, cell in rows:
        cells = [cell(each) for each in totals]
        if any(each is not None for each in cells):
            yield _row(name, [each or _NO_ENERGY for each in cells])
    kept = [stage.structure for stage in report.stages]
    yield _row("zero weights", [percent(each.connection_sparsity) for each in kept])
    yield _row("footprint, 32 bits each", [size(each.footprint()) for each in kept])


def _populations(stage: StageReport) -> Iterator[str]:
    found = members(stage)
    rows = [
        (
            count(each.spikes),
            digits(each.rate),
            "-" if each.updates is None else count(each.updates),
            percent(each.silent / each.neurons),
            each.neurons,
            each.name if each.spiking else f"{each.name} ({_emits(stage, each.name)})",
        )
        for each in found[:_POPULATIONS]
    ]
    yield from _cut(("spikes", "rate", "updates", "silent", "neurons", "population"), rows)
    yield from _more(len(found) - len(rows), "populations")


def _emits(stage: StageReport, population: str) -> str:
    neuron = stage.wiring.network.population(population).neuron
    return "events" if isinstance(neuron, Source) and neuron.kind is InputKind.EVENTS else "values"


def _projections(stage: StageReport) -> Iterator[str]:
    found = sorted(joined(stage), key=lambda each: -each.events)
    rows = [
        (
            count(each.events),
            count(each.dense),
            percent(each.events / each.dense) if each.dense else "-",
            each.operation.value,
            f"{each.source} -> {each.target}",
        )
        for each in found[:_PROJECTIONS]
    ]
    yield from _cut(("events", "dense", "share", "kind", "projection"), rows)
    yield from _more(len(found) - len(rows), "projections, with fewer events")


def _energies(report: EnergyReport, place: int) -> Iterator[str]:
    """Lay out the terms of one profile for every stage, in one unit."""
    priced = [stage.profiles[place] for stage in report.stages]
    profile = priced[0].profile
    unit, nanojoules = _unit(priced)
    yield from _paragraph(f"{profile.name}: {profile.title}", "  ")
    yield _row(f"{unit} per sample", [stage.stage.value for stage in report.stages])
    some = any(each.total is not None for each in priced)
    for index, term in enumerate(priced[0].terms if some else ()):
        cells = [_term(each, index, nanojoules) for each in priced]
        yield _row(term.term.name.replace("_", " "), cells)
        yield from _unpriced(report, [each.terms[index].term for each in priced])
    known = "total" if not any(each.missing for each in priced) else "total of what is known"
    yield _row(known, [_span(each.total, nanojoules) for each in priced])
    if any(each.low is not None and each.low.bounds is not None for each in priced):
        yield _row("  95 % interval", [_span(_bounds(each.low, each.high), nanojoules) for each in priced])


def _term(priced: Priced, index: int, nanojoules: float) -> str:
    found = priced.terms[index]
    return "included" if found.term.standing is Standing.INCLUDED else _span(found.range, nanojoules)


def _unpriced(report: EnergyReport, terms: Sequence[Term]) -> Iterator[str]:
    """Say how many counts a term leaves out, as the profile has no energy for them."""
    means = [stage.activity.mean for stage in report.stages]
    left = [sum(mean(*c) for c in term.unpriced) for mean, term in zip(means, terms, strict=True)]
    if any(left):
        what = "events" if terms[0].name == SYNAPTIC else "messages"
        yield _row(f"  {what} not priced", [count(each) for each in left])


def _unit(priced: Sequence[Priced]) -> tuple[str, float]:
    """Choose a unit that suits the greatest total."""
    most = max((each.total.high for each in priced if each.total is not None), default=0.0)
    fitting = [pair for pair in NANOJOULES.items() if most >= 0.9995 * pair[1]]
    return fitting[-1] if fitting else ("nJ", 1.0)


def _bounds(low: Interval | None, high: Interval | None) -> Range | None:
    if low is None or high is None or low.bounds is None or high.bounds is None:
        return None
    return Range(low.bounds[0], high.bounds[1])


def _span(found: Range | None, nanojoules: float) -> str:
    if found is None:
        return _NO_ENERGY
    low, high = digits(found.low / nanojoules), digits(found.high / nanojoules)
    return low if low == high else f"{low} to {high}"


def _twins(stage: StageReport) -> Iterator[str]:
    """Say under three models of what is paid for which network needs less, and whether they agree."""
    if not stage.twins:
        return
    yield from _paragraph(
        f"the {stage.stage.value} network against dense ones of its topology (ReLU, one pass, 45 nm)", "  "
    )
    yield _row("with memory, per sample", [twin.name for twin in stage.twins])
    yield _row("spiking", [span(t.spiking_operations + t.spiking_memory) for t in stage.twins])
    yield _row("dense", [span(t.operations + t.memory) for t in stage.twins])
    yield "who needs less"
    for models in zip(*map(comparisons, stage.twins), strict=True):
        yield _row(f"  {models[0].model}", [_compared(each) for each in models])
    agreed = dict.fromkeys(map(conclusion, stage.twins))
    for said in agreed:
        of = [twin.name for twin in stage.twins if conclusion(twin) == said]
        yield from _paragraph(f"{'all' if len(agreed) == 1 else ', '.join(of)}: {said}", "  ")


def _compared(found: Comparison) -> str:
    if found.winner is Winner.EITHER:
        return "either"
    factor = "" if found.factor is None else f" {factors(found.factor).replace(' to ', '-')}x"
    return f"{found.winner.value}{factor}"


def _changes(report: EnergyReport) -> Iterator[str]:
    """Explain what differs, of the placed network only what being quantised does not explain."""
    first = report.stages[0].stage.value
    told: tuple[Change, ...] = ()
    for stage, found in report.changes.items():
        more = [change for change in found if change not in told]
        above = bool(told) and len(more) == len(found) - len(told)
        yield f"{stage.value} instead of {first}, per sample" + (": all of that, and" if above else "")
        told = found
        for change in more if above else found:
            parts = [f"{change.events:+,.1f} events"] if change.events else []
            parts += [f"{change.updates:+,.1f} neuron updates"] if change.updates else []
            yield from _paragraph(f"- {change.reason}: {', '.join(parts) or 'no difference'}", "  ")


def _warnings(report: EnergyReport) -> Iterator[str]:
    """List what to doubt, each once, with the figures of the first stage that it holds for."""
    found: dict[str, tuple[str, list[str]]] = {}
    for stage in report.stages:
        for text in stage.warnings:
            _, stages = found.setdefault(_FIGURE.sub("", text), (text, []))
            stages.append(stage.stage.value)
    if found:
        yield "to keep in mind"
    for text, stages in found.values():
        whose = "" if len(stages) == len(report.stages) else f"{', '.join(dict.fromkeys(stages))}: "
        yield from _paragraph(f"- {whose}{text}", "  ")


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:{_TITLE}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _cut(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lay out rows whose cells are numbers as texts, to the right, but for the last two columns."""
    cells = [headers, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers) - 1)]
    for row in cells:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False))
        yield from _paragraph(f"{numbers}  {row[-1]}", " " * (sum(widths) + 2 * len(widths)))


def _more(number: int, what: str) -> Iterator[str]:
    if number > 0:
        yield f"and {number} more {what}: see --json"


def _paragraph(text: str, indent: str) -> Iterator[str]:
    yield from wrap(text, output.WIDTH, subsequent_indent=indent, break_on_hyphens=False)
