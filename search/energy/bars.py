"""Draws energies as horizontal bars: parts stacked in their colours, the lower end marked, all labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msc.search.reporting.canvas import chart, headline, scale
from msc.search.reporting.palette import hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTER = 5.9  # points
_NARROWEST, _WIDEST = 48, 172  # points for names
_FRAME, _ROW, _THICK = 68, 19, 0.68  # points above and below all rows, for each; its share that is filled


@dataclass(frozen=True)
class Bar:
    """A named bar: (length, colour) of its parts, its lower end where that is known to differ, and words."""

    name: str
    parts: Sequence[tuple[float, str]]
    low: float | None
    label: str
    label_colour: str = "quiet"

    @property
    def length(self) -> float:
        """Where it ends."""
        return sum(length for length, _ in self.parts)


def bar_chart(
    name: str, description: str, title: str, axis: str, bars: Sequence[Bar], *, right: int = 120
) -> str:
    """Draw bars from the top down on one linear axis (its words with their unit) that begins at zero."""
    left = name_width([bar.name for bar in bars])

    def draw(axes: Axes) -> None:
        scale(axes, "x", [0.0, max(bar.length for bar in bars) or 1.0], zero=True, room=0.0)
        for place, bar in enumerate(bars):
            _bar(axes, place, bar)
        rows(axes, [bar.name for bar in bars])
        axes.set_xlabel(axis)
        headline(axes, title)

    return chart(name, description, draw, height=_FRAME + _ROW * len(bars), left=left, right=right)


def _bar(axes: Axes, place: int, bar: Bar) -> None:
    begin = 0.0
    for length, colour in bar.parts:
        axes.barh(place, length, left=begin, height=_THICK, color=hue(colour), linewidth=0)
        begin += length
    if bar.low is not None:
        ends = [place - 0.5, place + 0.5]
        axes.plot([bar.low, bar.low], ends, color=hue("ink"), linewidth=1.6, solid_capstyle="butt")
    across = axes.get_yaxis_transform()
    axes.text(
        1.02, place, bar.label, transform=across, va="center", fontsize=9.5, color=hue(bar.label_colour)
    )


def rows(axes: Axes, names: Sequence[str]) -> None:
    """Name rows from the top down, and let the grid follow the axis below."""
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [elided(name) for name in names])
    axes.tick_params(axis="y", labelsize=9.5, labelcolor=hue("ink"))
    axes.grid(visible=False)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def row_height(count: int) -> int:
    """Points that a chart of so many rows takes."""
    return _FRAME + _ROW * count


def name_width(names: Sequence[str]) -> int:
    """Points that names need beside a chart."""
    longest = max((len(elided(name)) for name in names), default=0)
    return min(max(round(_LETTER * longest) + 12, _NARROWEST), _WIDEST)


def elided(name: str, most: int = 27) -> str:
    """Shorten a name in the middle, its two ends telling it from others."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[head + 1 - most :]}"
