"""Sets the stages of a network side by side, and says why the later ones count otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msc.compiler.energy.report import Change, EnergyReport, Stage, StageReport
from msc.compiler.energy.tallies import Total, total
from msc.search.energy.staging import stage_words
from msc.search.energy.units import NO_ENERGY, energy_or_none, unit_of
from msc.search.reporting.markup import accurate, capital, number, paragraph, percent, section, table, text

_TITLE = "The stages side by side"
_HEADINGS = {
    Stage.TRAINED: "Why the trained network counts otherwise",
    Stage.QUANTISED: "Why the quantised network counts otherwise",
    Stage.PLACED: "Why the placed network counts otherwise",
}
_Value = Callable[[Total], float | None]
_COUNTS: tuple[tuple[str, _Value], ...] = (
    ("neurons", lambda t: t.neurons),
    ("synapses", lambda t: t.structural),
    ("non-zero synapses", lambda t: t.nonzero),
    ("spikes", lambda t: t.spikes),
    ("ACs", lambda t: t.acs),
    ("MACs", lambda t: t.macs),
    ("dense operations", lambda t: t.dense),
    ("neuron updates, dense", lambda t: t.dense_updates),
    ("membrane updates", lambda t: t.updates),
)


def stages_section(report: EnergyReport) -> str:
    """Compare all stages with the first; nothing where there is one."""
    if len(report.stages) < 2:
        return ""
    first = stage_words(report.stages[0])
    explained = (
        f"The same samples, counted per sample; below each the difference from the network {text(first)}.",
        "A machine's steps include those that fill and empty its pipeline.",
    )
    return section("stages", _TITLE, paragraph(*explained), _table(report.stages), *_reasons(report))


def _table(stages: Sequence[StageReport]) -> str:
    head = ["", *(text(stage_words(stage)) for stage in stages)]
    totals = [total(stage) for stage in stages]
    rows = [
        ["simulator", *(text(stage.simulator) for stage in stages)],
        ["time steps", *(f"{stage.activity.steps:,}" for stage in stages)],
        ["accuracy", *(_accuracy(stage) for stage in stages)],
        *([name, *_against([value(each) for each in totals])] for name, value in _COUNTS),
        ["firing rate", *(_share(each.rate) for each in totals)],
        ["silent neurons", *(_share(each.silent_share) for each in totals)],
        *_energies(stages),
    ]
    return table(head, rows, numeric=range(1, len(head)), kind="stages")


def _accuracy(stage: StageReport) -> str:
    return NO_ENERGY if stage.accuracy is None else accurate(stage.accuracy)


def _share(share: float | None) -> str:
    return NO_ENERGY if share is None else percent(share)


def _against(values: Sequence[float | None]) -> Iterator[str]:
    """Write values with how far each is from the first."""
    first, *later = values
    yield NO_ENERGY if first is None else number(first)
    for value in later:
        if value is None:
            yield NO_ENERGY
        else:
            under = f"<small>{_difference(value, first)}</small>" if first and value != first else ""
            yield number(value) + under


def _difference(value: float, first: float) -> str:
    share = value / first - 1
    return f"{'+' if share > 0 else '−'}{percent(abs(share))}" if share < 10 else f"{value / first:.3g}×"


def _energies(stages: Sequence[StageReport]) -> Iterator[list[str]]:
    """Write the totals of every profile that a stage was priced with."""
    names = dict.fromkeys(priced.profile.name for stage in stages for priced in stage.profiles)
    for name in names:
        found = [next((p for p in stage.profiles if p.profile.name == name), None) for stage in stages]
        totals = [None if priced is None else priced.total for priced in found]
        unit = unit_of(max((each.high for each in totals if each is not None), default=0.0))
        yield [f"energy on {text(name)}", *(energy_or_none(each, unit) for each in totals)]


def _reasons(report: EnergyReport) -> Iterator[str]:
    """List the reasons of every later stage, which add up to its whole difference."""
    for stage in report.stages[1:]:
        found = report.changes.get(stage.stage, ())
        yield f"<h3>{_HEADINGS[stage.stage]}</h3>"
        if not found:
            yield paragraph("It does not: the counts are the same.")
            continue
        rows = [[capital(each.reason), _signed(each.events), _signed(each.updates)] for each in found]
        head = ["reason", "events", "neuron updates"]
        yield table(head, [*rows, _whole(found)], numeric=(1, 2), kind="changes")


def _whole(found: Sequence[Change]) -> list[str]:
    updates = [each.updates for each in found]
    known = [value for value in updates if value is not None]
    whole = sum(known) if len(known) == len(updates) else None
    return ["<strong>all</strong>", _signed(sum(each.events for each in found)), _signed(whole)]


def _signed(value: float | None) -> str:
    """Write a difference: +1,234, −12, 0; n/a where it is not known."""
    if value is None:
        return NO_ENERGY
    return f"+{number(value)}" if value > 0 else number(value)
