"""Draws the spikes of the first sample, population above population, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msc.compiler.energy.report import StageReport
from msc.compiler.energy.tallies import members
from msc.search.energy.bars import elided, name_width
from msc.search.energy.staging import stage_words
from msc.search.reporting.canvas import chart, headline, numbered
from msc.search.reporting.markup import figure, paragraph, plural
from msc.search.reporting.palette import hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

_POPULATIONS, _NEURONS = 32, 240  # drawn at most, of all together
_FRAME, _THIN, _THICK = 68, 2.0, 6.0  # points beside all rows, and for each
_BETWEEN, _LEAST = 4.0, 12.0  # points between populations; for one
_FILLED = 0.9


@dataclass(frozen=True)
class _Block:
    """The rows of one population, its first one at `top` points below the upper edge."""

    name: str
    colour: str
    spikes: NDArray[np.bool_]
    top: float
    row: float

    @property
    def height(self) -> float:
        """Points that its rows take."""
        return self.row * self.spikes.shape[1]


def raster_figure(stage: StageReport) -> str:
    """Draw rows of evenly chosen neurons; nothing where no raster was kept."""
    blocks, height = _blocks(stage)
    if not blocks:
        return paragraph("No raster was kept.")
    steps = blocks[0].spikes.shape[0]

    def draw(axes: Axes) -> None:
        from matplotlib.patches import PathPatch

        axes.set_ylim(height, 0)
        axes.set_yticks(
            [block.top + block.height / 2 for block in blocks], [elided(block.name) for block in blocks]
        )
        axes.tick_params(axis="y", labelsize=9, labelcolor=hue("ink"))
        axes.grid(visible=False)
        for block in blocks:
            path = _runs(block)
            if path is not None:
                axes.add_patch(PathPatch(path, facecolor=hue(block.colour), linewidth=0))
        for upper, lower in pairwise(blocks):
            middle = (upper.top + upper.height + lower.top) / 2
            axes.axhline(middle, color=hue("rule"), linewidth=0.6)
        numbered(axes, 0, steps, "time step", edges=True)
        headline(axes, "spikes of the first sample")

    drawing = chart(
        f"raster-{stage.stage.value}",
        f"spikes of the first sample by population and time step, {stage_words(stage)}",
        draw,
        height=_FRAME + round(height),
        left=name_width([block.name for block in blocks]),
        right=16,
    )
    return figure(drawing, _caption(stage, blocks, steps))


def _caption(stage: StageReport, blocks: Sequence[_Block], steps: int) -> str:
    drawn, every = len(blocks), len(stage.activity.raster)
    which = f"{drawn} of {every} populations, evenly chosen;" if drawn < every else "Every population;"
    until = f" The first {steps} of {stage.activity.steps:,} steps." if steps < stage.activity.steps else ""
    neurons = (
        f"at most {plural(max(block.spikes.shape[1] for block in blocks), 'neuron')} of each, evenly chosen."
    )
    grey = " Grey: values that are not zero, of the input or of integrators."
    return f"{which} {neurons}{until}{grey if any(b.colour == 'grey' for b in blocks) else ''}"


def _blocks(stage: StageReport) -> tuple[list[_Block], float]:
    """Choose what is drawn and where; returns the height of all."""
    raster = stage.activity.raster
    found = [each for each in members(stage) if each.name in raster and raster[each.name].size]
    found = [found[i] for i in _evenly(len(found), _POPULATIONS)]
    if not found:
        return [], 0.0
    share = max(_NEURONS // len(found), 4)
    chosen = [raster[each.name][:, _evenly(raster[each.name].shape[1], share)] for each in found]
    row = min(max(_NEURONS / sum(spikes.shape[1] for spikes in chosen), _THIN), _THICK)
    blocks: list[_Block] = []
    top = _BETWEEN
    for each, spikes in zip(found, chosen, strict=True):
        own = max(row, _LEAST / spikes.shape[1])
        blocks.append(_Block(each.name, "blue" if each.spiking else "grey", spikes, top, own))
        top += blocks[-1].height + _BETWEEN
    return blocks, top


def _evenly(count: int, most: int) -> list[int]:
    """Choose at most so many of `count` places."""
    return list(range(count)) if count <= most else [i * count // most for i in range(most)]


def _runs(block: _Block) -> Path | None:
    """Make one path of a rectangle for each run of steps in which a neuron spikes; None for none."""
    from matplotlib.path import Path

    padded = np.pad(block.spikes.T.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    neurons, begins = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    if not len(neurons):
        return None
    x0, x1 = begins - 0.5, ends - 0.5
    y0 = block.top + block.row * (neurons + (1 - _FILLED) / 2)
    y1 = y0 + _FILLED * block.row
    corners = np.stack([x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], axis=1).reshape(-1, 2)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(corners, codes * len(neurons))
