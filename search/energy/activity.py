"""Shows what the populations did: how often they fire, how unevenly, and the first sample spike by spike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msc.compiler.energy.report import EnergyReport, StageReport
from msc.compiler.energy.tallies import Members, members, total
from msc.search.energy.raster import raster_figure
from msc.search.energy.staging import long_table, stage_words, staged
from msc.search.energy.units import NO_ENERGY
from msc.search.reporting.canvas import chart, headline, scale
from msc.search.reporting.markup import (
    bar,
    brief,
    figure,
    figures,
    number,
    paragraph,
    percent,
    plural,
    section,
    table,
    text,
)
from msc.search.reporting.palette import hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLE = "Activity"
_BINS = 24


def activity_section(report: EnergyReport) -> str:
    """Write table, histogram and raster of every stage."""
    explained = (
        "Spikes and updates are means per sample; a rate is spikes per neuron and time step. Silent",
        "neurons fired in none of the samples. An update is a membrane that a step changed (NeuroBench's",
        "MembraneUpdates: in the first step all of them); dense updates are neurons times steps.",
    )
    return section("activity", _TITLE, paragraph(*explained), *staged(report, _stage))


def _stage(stage: StageReport) -> str:
    return _table(stage) + figures(_histogram(stage), raster_figure(stage))


def _table(stage: StageReport) -> str:
    found = members(stage)
    most = max((each.rate for each in found if each.spiking), default=0.0) or 1.0
    head = ["population", "neurons", "spikes", "rate", "", "silent", "updates", "of dense"]
    every = total(stage)
    last = [
        "<strong>all that spike</strong>" if every.spiking != every.neurons else "<strong>all</strong>",
        f"{every.spiking:,}",
        number(every.spikes),
        NO_ENERGY if every.rate is None else percent(every.rate),
        "",
        "" if every.silent_share is None else percent(every.silent_share),
        NO_ENERGY if every.updates is None else number(every.updates),
        NO_ENERGY if every.updates is None else percent(every.updates / every.dense_updates),
    ]
    rows = [*(_cells(each, most) for each in found), last]
    return long_table(table(head, rows, numeric=(1, 2, 3, 5, 6, 7), kind="populations activity"), len(rows))


def _cells(each: Members, most: float) -> list[str]:
    dense = each.neurons * each.steps
    if each.is_source:
        updates = ["–", "–"]
    else:
        updates = [NO_ENERGY] * 2
        if each.updates is not None:
            updates = [number(each.updates), percent(each.updates / dense)]
    kind = "" if each.spiking else f' <span class="tag">{"input" if each.is_source else "values"}</span>'
    return [
        text(each.name) + kind,
        f"{each.neurons:,}",
        number(each.spikes),
        percent(each.rate),
        bar(each.rate / most, "blue") if each.spiking else "",
        percent(each.silent / each.neurons),
        *updates,
    ]


def _rates(stage: StageReport) -> NDArray[np.float64]:
    """The rate of every spiking neuron, in spikes per step, over all samples."""
    activity = stage.activity
    spiking = [activity.per_neuron[each.name].ravel() for each in members(stage) if each.spiking]
    counts = np.concatenate(spiking) if spiking else np.zeros(0)
    return counts / (activity.steps * activity.samples)


def _histogram(stage: StageReport) -> str:
    """Draw how many neurons fire how often, the silent ones told beside."""
    rates = _rates(stage)
    fired = 100 * rates[rates > 0]
    silent = len(rates) - len(fired)
    if not len(fired):
        return paragraph("No neuron fired: there is no histogram of rates.")
    most = float(fired.max())
    counts, edges = np.histogram(fired, bins=_BINS, range=(0.0, most))
    mean = 100 * float(rates.mean())

    def draw(axes: Axes) -> None:
        axes.bar(edges[:-1], counts, width=0.92 * edges[1], align="edge", color=hue("blue"), linewidth=0)
        scale(axes, "x", [0.0, most], zero=True, room=0.02)
        scale(axes, "y", [0.0, float(counts.max())], zero=True, whole=True, room=0.08)
        axes.axvline(mean, color=hue("ink"), linewidth=1.2, dashes=(4, 3), zorder=3)
        axes.set_xlabel("rate (% of time steps with a spike)")
        axes.set_ylabel("neurons")
        headline(axes, "neurons by their rate")

    drawing = chart(
        f"rates-{stage.stage.value}", f"neurons by rate, {stage_words(stage)}", draw, right=24, left=62
    )
    caption = (
        f"{plural(len(fired), 'neuron')} that fired; the {brief(silent)} silent ones "
        f"({percent(silent / len(rates))}) are not drawn. The dashed line is the mean of all, "
        f"{percent(mean / 100)}."
    )
    return figure(drawing, caption)
