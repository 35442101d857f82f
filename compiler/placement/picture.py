"""Draws a placement: its chips, each core filled as far as it is used, with a legend and totals."""

from __future__ import annotations

from collections.abc import Iterator

from msc.compiler.figures import Status
from msc.compiler.placement.chips import MOST_CORES, draw_chips
from msc.compiler.placement.legend import draw_bars, draw_legend, key_of
from msc.compiler.placement.model import Placement
from msc.compiler.placement.svg import Canvas, lines_of
from msc.compiler.placement.telling import fractions, totals

_WIDTH, _MARGIN, _GAP = 1100.0, 36.0, 44.0
_MOST_PROBLEMS = 4  # that are told


def picture(placement: Placement) -> str:
    """Draw a placement as a self-contained SVG file for light and dark paper.

    A core is filled from below by the resource that it has least left of, in the colours of the populations
    that share it, as wide as their shares of its neurons. Relays are hatched.
    """
    canvas = Canvas()
    key = key_of(placement)
    inner = _WIDTH - 2 * _MARGIN
    top = _head(placement, canvas)
    right, bottom = draw_chips(placement, key, canvas, _MARGIN, top, inner)
    if placement.chips <= 1:
        left, width = right + _GAP, _MARGIN + inner - right - _GAP
        below = draw_legend(key, canvas, left, draw_bars(placement, canvas, left, top, width) + 26, width)
    else:
        width = (inner - _GAP) / 2
        bottom += 34
        below = max(
            draw_bars(placement, canvas, _MARGIN, bottom, width),
            draw_legend(key, canvas, _MARGIN + width + _GAP, bottom, width),
        )
    height = _foot(placement, canvas, max(bottom, below) + 30)
    return canvas.document(_WIDTH, height, totals(placement))


def _head(placement: Placement, canvas: Canvas) -> float:
    """Write title, what is on the cores, and what does not fit; returns where the chips start."""
    canvas.text(_MARGIN, 52, 25, totals(placement).partition(", ")[0], style=' font-weight="650"')
    y = 52.0
    for line in lines_of("; ".join(_facts(placement)), 14, _WIDTH - 2 * _MARGIN):
        y += 23
        canvas.text(_MARGIN, y, 14, line, "pl-quiet")
    more = len(placement.problems) - _MOST_PROBLEMS
    told = [f"does not fit: {p.where}: {p.what}" for p in placement.problems[:_MOST_PROBLEMS]]
    for problem in (*told, *([f"and {more} more problems"] if more > 0 else [])):
        for line in lines_of(problem, 13, _WIDTH - 2 * _MARGIN):
            y += 20
            canvas.text(_MARGIN, y, 13, line, "pl-alarm")
    return y + 26


def _facts(placement: Placement) -> Iterator[str]:
    relays = sum(
        block.neurons
        for core in placement.cores
        for block in core.blocks
        if block.population in {placed.name for placed in placement.populations if placed.relays}
    )
    yield f"{placement.neurons:,} neurons" + (f", {relays:,} of them in relays" if relays else "")
    yield f"{sum(core.synapses for core in placement.cores):,} synapses"
    if placement.tightest is not None:
        mean, _ = fractions(placement, placement.tightest)
        yield f"what fills cores first is {placement.tightest.value.replace('_', ' ')}, {mean:.0%} on average"


def _foot(placement: Placement, canvas: Canvas, y: float) -> float:
    """Say how to read the picture and what is in doubt; returns the picture's height."""
    for line in lines_of(" ".join(_sentences(placement)), 12, _WIDTH - 2 * _MARGIN):
        canvas.text(_MARGIN, y, 12, line, "pl-quiet")
        y += 18
    return y + 12


def _sentences(placement: Placement) -> Iterator[str]:
    yield "A core is filled from below by what it has least left of, in the colours of its populations."
    shared = "axons share equal lists of synapses" if placement.capacity.shares else "no synapses are shared"
    yield f"Memory: {placement.capacity.weight_bits} bits a synapse, {shared}."
    if placement.cores_per_chip > MOST_CORES:
        yield f"Only {MOST_CORES:,} cores of a chip are drawn."
    limits = [(name.replace("_", " "), figure) for name, figure in placement.profile.limits.items()]
    differing = [f"{n} ({f.low} to {f.high})" for n, f in limits if f.status is Status.CONFLICTING]
    recalled = [name for name, figure in limits if figure.status is Status.UNVERIFIED]
    if differing:
        yield f"Sources differ on {', '.join(differing)}."
    if recalled:
        yield f"Not verified: {', '.join(recalled)}."
