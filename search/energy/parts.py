"""Shows where the energy goes: the populations and projections that take the most, on each profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msc.compiler.energy.prices import NOTHING, Range
from msc.compiler.energy.report import EnergyReport, Priced, StageReport
from msc.search.energy.bars import Bar, bar_chart
from msc.search.energy.staging import stage_words, staged
from msc.search.energy.terms import COLOURS, legend
from msc.search.energy.units import Unit, energy, lower_end, unit_of
from msc.search.reporting.markup import code, figure, figures, paragraph, percent, plural, section, text

MOST = 20
_TITLE = "Where the energy goes"
_Parts = Mapping[str, Mapping[str, Range]]


def parts_section(report: EnergyReport) -> str:
    """Draw the parts of every profile that knows a term."""
    explained = (
        "Each bar is one population (its updates and the spikes it sends) or one projection (its events),",
        "the largest first. It reaches the upper end of the range; a dark tick marks the lower one where",
        "they differ. Shares are those of the upper end; what is left beyond the first parts is not drawn.",
    )
    return section("parts", _TITLE, paragraph(*explained), legend(), *staged(report, _charts))


def _charts(stage: StageReport) -> str:
    drawn = [_chart(stage, priced, place) for place, priced in enumerate(stage.profiles) if _parts(priced)]
    silent = [priced.profile.name for priced in stage.profiles if not _parts(priced)]
    names = ", ".join(map(code, silent))
    nothing = paragraph(f"There is nothing to draw for {names}: no term is known.") if silent else ""
    return (figures(*drawn) if drawn else "") + nothing


def _parts(priced: Priced) -> _Parts:
    """What each part takes, by term; parts that take nothing left out."""
    found: dict[str, dict[str, Range]] = {}
    for each in priced.terms:
        if each.range is not None:
            for part, spent in each.by_part.items():
                if spent.high > 0:
                    found.setdefault(part, {})[each.term.name] = spent
    return found


def _sum(ranges: Sequence[Range]) -> Range:
    return sum(ranges, start=NOTHING)


def _chart(stage: StageReport, priced: Priced, place: int) -> str:
    parts = _parts(priced)
    whole = _sum([spent for terms in parts.values() for spent in terms.values()])
    order = sorted(parts, key=lambda part: (-_sum([*parts[part].values()]).high, part))
    shown, rest = (order, []) if len(order) <= MOST + 1 else (order[:MOST], order[MOST:])
    unit = unit_of(_sum([*parts[order[0]].values()]).high)
    bars = [_bar(part, parts[part], whole, unit) for part in shown]
    if rest:
        others = _sum([spent for part in rest for spent in parts[part].values()])
        bars.append(Bar(f"{len(rest)} others", (), None, _label(others, whole, unit)))
    drawing = bar_chart(
        f"parts-{stage.stage.value}-{place}",
        f"energy per sample by population and projection on {priced.profile.name}, {stage_words(stage)}",
        priced.profile.name,
        f"energy per sample ({unit.name})",
        bars,
        right=138,
    )
    return figure(drawing, _caption(order, parts, whole))


def _bar(name: str, terms: Mapping[str, Range], whole: Range, unit: Unit) -> Bar:
    spent = _sum([*terms.values()])
    lengths = [(terms[term].high / unit.nanojoules, COLOURS[term]) for term in COLOURS if term in terms]
    return Bar(name, lengths, lower_end(spent, unit), _label(spent, whole, unit))


def _label(spent: Range, whole: Range, unit: Unit) -> str:
    return f"{energy(spent, unit)} · {percent(spent.high / whole.high)}"


def _caption(order: Sequence[str], parts: _Parts, whole: Range) -> str:
    """Say how much the first ones take together."""
    first = order[:3]
    share = _sum([spent for part in first for spent in parts[part].values()]).high / whole.high
    if len(order) <= 3:
        return f"{plural(len(order), 'part')} take all of it."
    return f"{text(first[0])} and the next two take {percent(share)} of all {len(order):,} parts together."
