"""Shows the spiking network against the dense one of its topology, and how memory decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msc.compiler.energy.comparing import Comparison, Winner, comparisons, conclusion, flips
from msc.compiler.energy.report import EnergyReport, StageReport, Twin
from msc.search.energy.bars import Bar, bar_chart, name_width, row_height, rows
from msc.search.energy.staging import stage_words, staged
from msc.search.energy.units import energy, lower_end, unit_of, who_needs_less
from msc.search.reporting.canvas import chart, logarithmic
from msc.search.reporting.markup import (
    bullets,
    code,
    figure,
    figures,
    key,
    paragraph,
    plural,
    section,
    table,
    text,
    warning,
)
from msc.search.reporting.palette import hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLE = "Against the dense network"
COLOURS = {Winner.SPIKING: "blue", Winner.DENSE: "orange", Winner.EITHER: "grey"}
_INK = {Winner.SPIKING: "blue", Winner.DENSE: "brown", Winner.EITHER: "quiet"}  # of words: orange is too pale
_RIGHT = 128
_MODELS = 3
_FARTHEST = 1e4  # ratios beyond are drawn at the edge


def twins_section(report: EnergyReport) -> str:
    """Draw ratios and energies of every stage."""
    explained = (
        "The twin has the same topology with ReLU, computes every synapse once, and is priced on the same",
        "45 nm profile as the spiking network beside it. What its memory costs depends on how often an",
        "operand is fetched: between one read of each (the best that a cache can do) and one per",
        "multiplication (no reuse). The spiking network's traffic is counted event by event.",
    )
    return section("twins", _TITLE, paragraph(*explained), *staged(report, _stage))


def _stage(stage: StageReport) -> str:
    if not stage.twins:
        return paragraph("No twin was priced.")
    charts = [_energies(stage, twin, place) for place, twin in enumerate(stage.twins)]
    parts = (_flip(stage.twins), _keys(), figures(_ratios(stage), *charts), _table(stage.twins))
    return "\n".join(part for part in parts if part)


def _keys() -> str:
    return key((COLOURS[Winner.SPIKING], "spiking network"), (COLOURS[Winner.DENSE], "dense twin"))


def _flip(twins: Sequence[Twin]) -> str:
    """Warn where the answer depends on the model, saying how."""
    found = [twin for twin in twins if flips(twin)]
    if not found:
        return ""
    sentences = []
    for twin in found:
        answers = "; ".join(f"{each.model}: {who_needs_less(each)}" for each in comparisons(twin))
        sentences.append(f"<em>{text(twin.name)}:</em> {text(answers)}. {text(conclusion(twin))}")
    title = "Which network needs less depends on the memory model."
    return warning(title, bullets(sentences))


def _ratios(stage: StageReport) -> str:
    """Draw all ratios on one logarithmic axis, equal energies in its middle."""
    found = [(twin, comparison) for twin in stage.twins for comparison in comparisons(twin)]
    names = [_row_name(twin, comparison, place) for place, (twin, comparison) in enumerate(found)]
    ends = [
        end
        for _, comparison in found
        if comparison.ratio is not None
        for end in (comparison.ratio.low, comparison.ratio.high)
    ]
    reach = min(1.4 * max([*(max(end, 1 / end) for end in ends), 2.0]), _FARTHEST)

    def draw(axes: Axes) -> None:
        logarithmic(axes, "x", 1 / reach, reach)
        axes.axvspan(1 / reach, 1, color=hue("blue"), alpha=0.08, linewidth=0)
        axes.axvspan(1, reach, color=hue("orange"), alpha=0.1, linewidth=0)
        for place, (_, comparison) in enumerate(found):
            _ratio(axes, place, comparison, reach)
        rows(axes, names)
        for place in range(_MODELS, len(found), _MODELS):
            axes.axhline(place - 0.5, color=hue("rule"), linewidth=1)
        axes.axvline(1, color=hue("ink"), linewidth=1.4)
        axes.set_xlabel("energy of the SNN / energy of the twin")
        above = {"transform": axes.transAxes, "va": "bottom", "fontsize": 10}
        axes.text(0.48, 1.03, "SNN needs less", ha="right", color=hue(_INK[Winner.SPIKING]), **above)
        axes.text(0.52, 1.03, "twin needs less", ha="left", color=hue(_INK[Winner.DENSE]), **above)

    words = f"energy of the spiking network over its twin's, by memory model, {stage_words(stage)}"
    height = row_height(len(found))
    drawing = chart(
        f"ratios-{stage.stage.value}", words, draw, height=height, left=name_width(names), right=_RIGHT
    )
    caption = "Left of the line the spiking network needs less, right of it the twin; lines are ranges."
    return figure(drawing, caption)


def _row_name(twin: Twin, comparison: Comparison, place: int) -> str:
    """Name the twin in the first of its rows."""
    return comparison.model if place % _MODELS else f"{twin.name} · {comparison.model.split()[0]}"


def _ratio(axes: Axes, place: int, comparison: Comparison, reach: float) -> None:
    across = axes.get_yaxis_transform()
    winner = comparison.winner
    look = {"transform": across, "va": "center", "fontsize": 9.5, "color": hue(_INK[winner])}
    axes.text(1.03, place, who_needs_less(comparison), **look)
    if comparison.ratio is None:
        return
    ends = [min(max(end, 1 / reach), reach) for end in (comparison.ratio.low, comparison.ratio.high)]
    axes.plot(ends, [place, place], color=hue(COLOURS[winner]), linewidth=7, solid_capstyle="round")


def _energies(stage: StageReport, twin: Twin, place: int) -> str:
    """Draw both networks' energies under each model."""
    found = comparisons(twin)
    unit = unit_of(max(max(c.spiking.high, c.dense.high) for c in found))
    bars = []
    for comparison in found:
        for name, spent, who in (
            (f"SNN, {comparison.model}", comparison.spiking, Winner.SPIKING),
            (f"twin, {comparison.model}", comparison.dense, Winner.DENSE),
        ):
            length = spent.high / unit.nanojoules
            bars.append(Bar(name, [(length, COLOURS[who])], lower_end(spent, unit), energy(spent, unit)))
    drawing = bar_chart(
        f"twin-{stage.stage.value}-{place}",
        f"energy per sample of the spiking network and of {twin.name}, {stage_words(stage)}",
        f"against {twin.name}",
        f"energy per sample ({unit.name})",
        bars,
        right=110,
    )
    caption = f"Priced on {code(twin.profile)}, with {plural(twin.activation_bits, 'bit')} for an activation."
    return figure(drawing, caption)


def _table(twins: Sequence[Twin]) -> str:
    head = ["twin", "priced on", "MACs", "activation bits", "twin: arithmetic", "twin: memory"]
    head += ["SNN: arithmetic", "SNN: memory", "depends on memory"]
    found = []
    for twin in twins:
        unit = unit_of(max(twin.operations.high, twin.memory.high, twin.spiking_memory.high))
        found.append(
            [
                text(twin.name),
                code(twin.profile),
                f"{twin.macs:,}",
                f"{twin.activation_bits}",
                energy(twin.operations, unit),
                energy(twin.memory, unit),
                energy(twin.spiking_operations, unit),
                energy(twin.spiking_memory, unit),
                "yes" if flips(twin) else "no",
            ]
        )
    return table(head, found, numeric=range(2, 8), kind="twins")
