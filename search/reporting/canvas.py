"""Draws one chart as an inline SVG that takes the page's font and colours and has ids of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from itertools import pairwise
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from msc.search.reporting.palette import hue, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 440, 270  # points; a page shows them from 380 to 560 pixels wide
_LEFT, _RIGHT, _BOTTOM, _TOP = 50, 92, 38, 30
_POINT = 4.2
_STEEP, _ENDLESS = 50, 1e15  # ratios between which an axis is logarithmic
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def chart(
    name: str,
    description: str,
    draw: Callable[[Axes], None],
    *,
    height: int = HEIGHT,
    left: int = _LEFT,
    right: int = _RIGHT,
) -> str:
    """Draw a chart; `name` keeps its ids apart, `description` is read out. The same input, the same text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_style(name)), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing from font")  # the page's fonts draw it, ours only measures
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        width = WIDTH - left - right
        axes = figure.add_axes(
            (left / WIDTH, _BOTTOM / height, width / WIDTH, (height - _BOTTOM - _TOP) / height)
        )
        draw(axes)
        written = BytesIO()
        no_trace = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=no_trace)
    return _inline(written.getvalue().decode(), description)


def _style(name: str) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "path.simplify": False,
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.color": hue("ink"),
        "axes.labelcolor": hue("quiet"),
        "axes.labelsize": 10,
        "axes.edgecolor": hue("rule"),
        "axes.linewidth": 1,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 10.5,
        "axes.titlepad": 10,
        "axes.titlecolor": hue("ink"),
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": hue("rule"),
        "grid.linewidth": 0.6,
        "xtick.color": hue("rule"),
        "ytick.color": hue("rule"),
        "xtick.labelcolor": hue("quiet"),
        "ytick.labelcolor": hue("quiet"),
        "ytick.major.size": 0,
        "xtick.major.size": 3,
    }


def _inline(svg: str, description: str) -> str:
    """Strip what a page already has: prologue, size, style, font, names of groups, digits nobody sees."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None
    label = escape(description)
    svg = re.sub(
        r"<svg[^>]*>", lambda _: f'<svg class="chart" {view[0]} role="img" aria-label="{label}">', svg
    )
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"\s+", " ", _rounded(tag[0])), svg)
    return themed(re.sub(r">\s+<", "><", svg)).strip()


def _rounded(tag: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)


def scale(
    axes: Axes,
    axis: str,
    values: Sequence[float],
    *,
    zero: bool = False,
    room: float = 0.06,
    whole: bool = False,
) -> None:
    """Fit an axis (`x` or `y`) to values, logarithmic where they are positive and span decades."""
    least, most = min(values), max(values)
    if not zero and least > 0 and _STEEP < most / least < _ENDLESS:
        margin = (most / least) ** room
        logarithmic(axes, axis, least / margin, most * margin)
        return
    least = min(least, 0.0) if zero else least
    margin = room * (most - least) or 0.1 * abs(most) or 1.0
    limits = (least if zero and least == 0 else least - margin, most + margin)
    ticks = _round_ticks(*limits, whole=whole)
    getattr(axes, f"set_{axis}lim")(*limits)
    getattr(axes, f"set_{axis}ticks")(ticks, tick_labels(ticks))


def logarithmic(axes: Axes, axis: str, low: float, high: float) -> None:
    """Make an axis (`x` or `y`) logarithmic between positive limits."""
    ticks = _log_ticks(low, high)
    getattr(axes, f"set_{axis}scale")("log")
    getattr(axes, f"{axis}axis").set_minor_locator(_no_ticks())
    getattr(axes, f"set_{axis}lim")(low, high)
    getattr(axes, f"set_{axis}ticks")(ticks, _log_labels(ticks))


def numbered(axes: Axes, first: int, count: int, words: str, *, edges: bool = False) -> None:
    """Number `count` steps below, from `first` on; `edges` leaves each half a step at both sides."""
    last = first + count - 1
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 10**9) if count - 1 <= 6 * s)
    ticks = [first, *range((first // step + 1) * step, last + 1, step)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    side = 0.5 if edges or count == 1 else 0.02 * (count - 1)
    axes.set_xlim(first - side, last + side)
    axes.set_xlabel(words)


def _no_ticks() -> object:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _round_ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside the limits."""
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    return [i * step for i in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten inside the limits, with their 2 and 5 where there is room."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**d for d in decades for f in factors if low <= f * 10.0**d <= high]
        if len(ticks) <= 6:
            return ticks
    return ticks[:: ceil(len(ticks) / 6)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Write evenly spaced ticks short and told apart: 0, 0.5; 0, 950k; 1.0M, 1.2M."""
    most = max((abs(tick) for tick in ticks), default=0.0)
    if 0 < most < 1e-3:
        return [f"{tick:.3g}" for tick in ticks]
    factor, letter = next((unit for unit in _UNITS if most >= max(unit[0], 1e4)), (1.0, ""))
    step = min((b - a for a, b in pairwise(ticks)), default=most) or 1.0
    decimals = min(max(0, -floor(log10(step / factor) + 1e-9)), 6)
    return [f"{tick / factor:.{decimals}f}{letter}" if tick else "0" for tick in ticks]


def _log_labels(ticks: Sequence[float]) -> list[str]:
    """Write ticks of one digit each: 0.03, 20, 5k, 1M."""
    units = (next((unit for unit in _UNITS if tick >= unit[0]), (1.0, "")) for tick in ticks)
    return [f"{tick / factor:g}{letter}" for tick, (factor, letter) in zip(ticks, units, strict=True)]


def headline(axes: Axes, words: str) -> None:
    """Write a title above the left edge of the whole chart."""
    box = axes.get_window_extent()
    axes.set_title(words, x=-box.x0 / box.width)


def dots(axes: Axes, points: Sequence[tuple[float, float]], colour: str, size: float = _POINT) -> None:
    """Mark points as one path of round caps: a few bytes each."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    vertices = [point for point in points for _ in range(2)]
    if vertices:
        path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(points))
        axes.add_patch(PathPatch(path, fill=False, edgecolor=hue(colour), linewidth=size, capstyle="round"))


def end_labels(
    axes: Axes, labels: Sequence[tuple[float, str, str]], *, gap: float = 12.5, x: float = 1.015
) -> None:
    """Write (height in data, text, colour) at the right edge, pushed apart where they would overlap."""
    if not labels:
        return
    box = axes.get_window_extent()
    places = [float(axes.transData.transform((0, height))[1]) for height, _, _ in labels]
    for place, (_, text, colour) in zip(_apart(places, gap, box.y0, box.y1), labels, strict=True):
        share = (place - box.y0) / box.height
        axes.text(
            x,
            share,
            text,
            transform=axes.transAxes,
            color=hue(colour),
            va="center",
            fontsize=9.5,
            clip_on=False,
        )


def _apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places as little as a sweep up and one down need for them to be `gap` apart inside the limits."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    floor_at = low
    for i in order:
        moved[i] = max(moved[i], floor_at)
        floor_at = moved[i] + gap
    ceiling = high
    for i in reversed(order):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved
