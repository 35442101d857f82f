"""Draws chips side by side as grids of cores."""

from __future__ import annotations

from math import ceil, sqrt

from msc.compiler.placement.legend import Key
from msc.compiler.placement.model import Core, Placement
from msc.compiler.placement.svg import Canvas

_GAP = 24.0  # between chips
_PADDING = 11.0  # inside a chip
_LABEL = 22.0  # above a chip
_PER_ROW = ((1, 1), (4, 2), (9, 3), (16, 4), (10**9, 6))  # up to so many chips, so many side by side
MOST_CORES = 1024  # of a chip that are drawn
_MOST_CHIPS = 48  # that are drawn
_ONE_CHIP = 0.6  # of the width: the legend stands beside it
_COLUMNS = 16  # of a chip of 32 to 256 cores
_LARGEST_CORE = 42.0


def draw_chips(
    placement: Placement, key: Key, canvas: Canvas, left: float, top: float, width: float
) -> tuple[float, float]:
    """Draw all chips in `width`; returns the right and the lower end."""
    chips = max(1, min(placement.chips, _MOST_CHIPS))
    across = next(count for most, count in _PER_ROW if chips <= most)
    cores = min(placement.cores_per_chip, MOST_CORES)
    columns = _COLUMNS if 2 * _COLUMNS <= cores <= _COLUMNS**2 else ceil(sqrt(cores))
    rows = ceil(cores / columns)
    each = width * _ONE_CHIP if placement.chips <= 1 else (width - (across - 1) * _GAP) / across
    pitch = min(_LARGEST_CORE, (each - 2 * _PADDING) / columns)
    wide, high = columns * pitch + 2 * _PADDING, rows * pitch + 2 * _PADDING
    for chip in range(chips):
        x = left + (chip % across) * (wide + _GAP)
        y = top + (chip // across) * (high + _LABEL + _GAP)
        _label(placement, chip, canvas, x, y + _LABEL - 8, wide)
        canvas.rect(x, y + _LABEL, wide, high, "pl-chip", 8)
        for place in range(cores):
            at = x + _PADDING + (place % columns) * pitch, y + _LABEL + _PADDING + (place // columns) * pitch
            _core(placement, chip * placement.cores_per_chip + place, key, canvas, at, pitch)
    bottom = top + ceil(chips / across) * (high + _LABEL + _GAP) - _GAP
    if placement.chips > chips:
        bottom += 26
        canvas.text(left, bottom, 14, f"and {placement.chips - chips:,} more chips", "pl-quiet")
    return left + min(across, chips) * (wide + _GAP) - _GAP, bottom


def _label(placement: Placement, chip: int, canvas: Canvas, x: float, y: float, width: float) -> None:
    cores = placement.cores_per_chip
    used = min(cores, len(placement.cores) - chip * cores)
    canvas.text(x, y, 13, f"chip {chip}", style=' font-weight="600"')
    if width > 190:
        said = f"{used:,} of {cores:,} cores"
        canvas.text(x + width, y, 12, said, "pl-quiet", ' text-anchor="end"')


def _core(
    placement: Placement, number: int, key: Key, canvas: Canvas, at: tuple[float, float], pitch: float
) -> None:
    """Draw one core; a browser tells what is on it where the pointer rests."""
    (x, y), side = at, pitch * 0.88
    radius = min(3.0, pitch / 10)
    if number >= len(placement.cores):
        canvas.rect(x, y, side, side, "pl-core", radius, 0.45)
        return
    core = placement.cores[number]
    with canvas.group(_told(placement, core, number)):
        canvas.rect(x, y, side, side, "pl-core", radius)
        _, fraction = placement.fullest(core)
        high = max(side * min(1.0, fraction), 1.0)
        for population, share in _shares(core).items():
            wide = side * share
            canvas.rect(x, y + side - high, wide, high, key.colours[population])
            if population in key.relays:
                canvas.rect(x, y + side - high, wide, high, "url(#pl-relay)")
            x += wide


def _shares(core: Core) -> dict[str, float]:
    """Find each population's share of a core's neurons."""
    neurons = {name: sum(b.neurons for b in core.blocks if b.population == name) for name in core.populations}
    return {name: count / sum(neurons.values()) for name, count in neurons.items()}


def _told(placement: Placement, core: Core, number: int) -> str:
    held = ", ".join(f"{b.population} ({b.neurons:,} neurons)" for b in core.blocks)
    known = [(r, placement.fraction(core, r)) for r in core.use]
    used = ", ".join(f"{r.value.replace('_', ' ')} {f:.0%}" for r, f in known if f is not None)
    return f"core {number}: {held}; {used}"
