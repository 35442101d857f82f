"""Shows what a run costs on each profile, term by term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msc.compiler.energy.prices import TERMS, Range, Standing
from msc.compiler.energy.report import EnergyReport, Priced, PricedTerm, StageReport
from msc.search.energy.bars import name_width, row_height, rows
from msc.search.energy.staging import long_table, stage_words, staged
from msc.search.energy.units import NO_ENERGY, Unit, bounds, energy, energy_or_none, unit_of
from msc.search.reporting.canvas import chart, headline, scale
from msc.search.reporting.markup import capital, figure, figures, key, listed, paragraph, section, table, text
from msc.search.reporting.palette import hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Mapping[str, str] = dict(zip(TERMS, ("blue", "orange", "purple", "green", "grey"), strict=True))
_TITLE = "Energy by term"
_STANDINGS = {Standing.KNOWN: "known", Standing.INCLUDED: "included", Standing.MISSING: NO_ENERGY}
_RIGHT = 128


def words_of(term: str) -> str:
    """Write the name of a term as a sentence does."""
    return term.replace("_", " ")


def legend() -> str:
    """Explain the colours of the terms."""
    return key(*((colour, words_of(term)) for term, colour in COLOURS.items()))


def terms_section(report: EnergyReport) -> str:
    """Write table, charts and notes of every stage."""
    explained = (
        "Energy per sample, from the least to the greatest that a profile's sources allow. The total adds",
        f"up the terms that are known; {NO_ENERGY} is not zero, but energy that is not known, and the notes",
        "below say why. The interval is that of the mean over samples, at both ends of the range; it does",
        "not cover errors of the constants.",
    )
    told: set[tuple[str, str, str]] = set()
    parts = staged(
        report, lambda stage: _table(stage) + _memories(stage) + _charts(stage) + _notes(stage, told)
    )
    return section("terms", _TITLE, paragraph(*explained), *parts)


def _table(stage: StageReport) -> str:
    head = ["profile", *(text(words_of(term)) for term in TERMS), "total", "95 % interval"]
    return table(head, map(_row, stage.profiles), numeric=range(1, len(head)), kind="energies")


def _row(priced: Priced) -> list[str]:
    unit = None if priced.total is None else unit_of(priced.total.high)
    terms = {each.term.name: each for each in priced.terms}
    interval = bounds(priced.low, priced.high)
    return [
        f'<span title="{text(priced.profile.title)}">{text(priced.profile.name)}</span>',
        *(_cell(terms[name], unit) for name in TERMS),
        f"<strong>{energy_or_none(priced.total, unit)}</strong>",
        energy_or_none(interval, unit),
    ]


def _cell(term: PricedTerm, unit: Unit | None) -> str:
    if term.term.standing is Standing.INCLUDED:
        return '<span class="quiet">included</span>'
    in_part = "<small>in part</small>" if term.range is not None and term.term.unpriced else ""
    return energy_or_none(term.range, unit) + in_part


def _memories(stage: StageReport) -> str:
    """Say what the memories of each size take."""
    sentences = []
    for priced in stage.profiles:
        for each in priced.terms:
            if each.by_memory:
                parts = [
                    f"{energy(spent)} in memories of {text(size)}" for size, spent in each.by_memory.items()
                ]
                sentences.append(f"Memory on {text(priced.profile.name)}: {listed(parts)}.")
    return paragraph(*sentences, kind="quiet") if sentences else ""


def _charts(stage: StageReport) -> str:
    known = [priced for priced in stage.profiles if priced.total is not None and priced.total.high > 0]
    if not known:
        return paragraph("There is nothing to draw: no profile here has a published energy.")
    totals = [_totals(stage, known)] if len(known) > 1 else []
    return legend() + figures(*totals, _shares(stage, known))


def _totals(stage: StageReport, known: list[Priced]) -> str:
    """Draw the totals of all profiles on one logarithmic axis."""
    found = [priced.total or Range(0.0, 0.0) for priced in known]
    unit = unit_of(max(total.high for total in found))
    names = [priced.profile.name for priced in known]

    def draw(axes: Axes) -> None:
        for place, (total, priced) in enumerate(zip(found, known, strict=True)):
            _mark(axes, place, total, bounds(priced.low, priced.high), unit)
        ends = [end / unit.nanojoules for total in found for end in (total.low, total.high) if end > 0]
        scale(axes, "x", [0.8 * min(ends), 1.25 * max(ends)])
        rows(axes, names)
        axes.set_xlabel(f"energy per sample ({unit.name})")
        headline(axes, "totals of the known terms")

    words = f"energy per sample on each profile, {stage_words(stage)}, low to high"
    drawing = chart(
        f"totals-{stage.stage.value}",
        words,
        draw,
        height=row_height(len(known)),
        left=name_width(names),
        right=_RIGHT,
    )
    caption = (
        "From low to high; a dot where both are the same. Profiles do not know the same terms: totals of "
        "different terms cannot be compared."
    )
    return figure(drawing, caption)


def _mark(axes: Axes, place: int, total: Range, interval: Range | None, unit: Unit) -> None:
    """Draw a total as a thick line with round ends, its interval as a thin one."""
    across = axes.get_yaxis_transform()
    if interval is not None and interval.low > 0:
        ends = [interval.low / unit.nanojoules, interval.high / unit.nanojoules]
        axes.plot(ends, [place, place], color=hue("ink"), linewidth=1.2)
    low, high = (end / unit.nanojoules for end in (total.low, total.high))
    axes.plot([low, high], [place, place], color=hue("blue"), linewidth=7, solid_capstyle="round")
    axes.text(1.03, place, energy(total), transform=across, va="center", fontsize=9.5, color=hue("quiet"))


def _shares(stage: StageReport, known: list[Priced]) -> str:
    """Draw what each term takes of the upper end of a profile's total."""
    names = [priced.profile.name for priced in known]

    def draw(axes: Axes) -> None:
        for place, priced in enumerate(known):
            begin = 0.0
            for share, colour in _stacked(priced):
                axes.barh(place, 100 * share, left=begin, height=0.68, color=hue(colour), linewidth=0)
                begin += 100 * share
            at_most = f"of {energy(Range(priced.total.high, priced.total.high))}" if priced.total else ""
            across = axes.get_yaxis_transform()
            axes.text(1.03, place, at_most, transform=across, va="center", fontsize=9.5, color=hue("quiet"))
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 100])
        rows(axes, names)
        axes.set_xlabel("share of the upper end (%)")
        headline(axes, "what the energy is spent on")

    words = f"share of each term in the energy per sample on each profile, {stage_words(stage)}"
    drawing = chart(
        f"shares-{stage.stage.value}",
        words,
        draw,
        height=row_height(len(known)),
        left=name_width(names),
        right=_RIGHT,
    )
    return figure(drawing, "Of the terms that the profile knows, at the upper end of each.")


def _stacked(priced: Priced) -> Iterator[tuple[float, str]]:
    """The shares of the known terms with their colours."""
    assert priced.total is not None
    for each in priced.terms:
        if each.range is not None:
            yield each.range.high / priced.total.high, COLOURS[each.term.name]


def _notes(stage: StageReport, told: set[tuple[str, str, str]]) -> str:
    """Say what each term holds or why it is missing, unless an earlier stage said the same."""
    found: dict[tuple[str, Standing, str], list[str]] = {}
    for name in TERMS:
        for priced in stage.profiles:
            term = next(each.term for each in priced.terms if each.term.name == name)
            said = (priced.profile.name, name, term.note)
            if said not in told:
                told.add(said)
                found.setdefault((name, term.standing, term.note), []).append(priced.profile.name)
    rows = [
        [text(words_of(name)), text(", ".join(profiles)), _STANDINGS[standing], capital(note)]
        for (name, standing, note), profiles in found.items()
    ]
    if not rows:
        return ""
    return long_table(table(["term", "on", "", "what it holds"], rows, kind="notes"), len(rows))
