"""Draws what a picture of cores means: which colour is which population, and how much of what is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from msc.compiler.placement.capacity import Resource
from msc.compiler.placement.colours import colours_of, layer_of
from msc.compiler.placement.model import Placement
from msc.compiler.placement.svg import Canvas
from msc.compiler.placement.telling import fractions

_MOST_NAMES = 32  # populations named one by one; where there are more, layers are
_ROW = 21.0
_COLUMN = 165.0  # at least
_NAMES, _NUMBERS = 124.0, 146.0  # room beside a bar


@dataclass(frozen=True)
class Key:
    """How populations are told apart: colours by population, those that are relays, the legend's entries."""

    colours: Mapping[str, str]
    relays: frozenset[str]
    relay_cores: str
    entries: tuple[tuple[str, str, str], ...]  # name, how many cores, colour


def key_of(placement: Placement) -> Key:
    """Give every population a colour, relays that of the population they repeat."""
    own = [placed.name for placed in placement.populations if placed.relays is None]
    order = sorted(range(len(own)), key=lambda i: ([layer_of(n) for n in own].index(layer_of(own[i])), i))
    names = [own[i] for i in order]
    by_layer = len(names) > _MOST_NAMES
    chosen = colours_of([layer_of(name) for name in names] if by_layer else names)
    shown = {name: layer_of(name) if by_layer else name for name in names}
    members: dict[str, set[int]] = {}
    for name in names:
        members.setdefault(shown[name], set()).update(placement.cores_of(name))
    relays = {placed.name: placed.relays for placed in placement.populations if placed.relays is not None}
    colours = {name: chosen[shown[name]] for name in names}
    colours |= {relay: colours[repeated] for relay, repeated in relays.items()}
    entries = tuple((name, f"{len(cores):,}", chosen[name]) for name, cores in members.items())
    relay_cores = {core for name in relays for core in placement.cores_of(name)}
    return Key(colours, frozenset(relays), f"{len(relay_cores):,}", entries)


def draw_legend(key: Key, canvas: Canvas, left: float, top: float, width: float) -> float:
    """List the populations in columns; returns the lower end."""
    columns = max(1, int(width // _COLUMN))
    rows = ceil((len(key.entries) + bool(key.relays)) / columns)
    canvas.text(left, top + 14, 13, "populations, and the cores they are on", style=' font-weight="600"')
    top += 26
    entries = [*key.entries, *([("relays", key.relay_cores, "")] if key.relays else [])]
    for index, (name, cores, colour) in enumerate(entries):
        x, y = left + (index // rows) * (width / columns), top + (index % rows) * _ROW
        if colour:
            canvas.rect(x, y, 13, 13, colour, 2)
        else:
            canvas.rect(x, y, 13, 13, "pl-mark", 2, 0.45)
            canvas.rect(x, y, 13, 13, "url(#pl-relay)", 2)
        canvas.text(x + 20, y + 11, 13, _cut(name, 16))
        canvas.text(x + width / columns - 14, y + 11, 13, cores, "pl-quiet", ' text-anchor="end"')
    return top + rows * _ROW


def draw_bars(placement: Placement, canvas: Canvas, left: float, top: float, width: float) -> float:
    """Draw how much of each resource cores use, the mean and the most; returns the lower end."""
    canvas.text(left, top + 14, 13, "what cores use: mean (bar) and most (mark)", style=' font-weight="600"')
    y = top + 26
    for resource in Resource:
        canvas.text(left, y + 11, 13, resource.value.replace("_", " "))
        x, room = left + _NAMES, width - _NAMES - _NUMBERS
        if resource not in placement.capacity.limits:
            canvas.text(x, y + 11, 12, "no limit is known", "pl-quiet")
            y += _ROW + 1
            continue
        mean, most = fractions(placement, resource)
        canvas.rect(x, y + 1, room, 11, "pl-core", 2)
        canvas.rect(x, y + 1, room * min(1.0, mean), 11, "pl-bar", 2)
        canvas.rect(x + room * min(1.0, most) - 1.5, y - 1, 3, 15, "pl-mark")
        said = f"{mean:.0%}, {most:.0%} of {_short(placement, resource)}"
        canvas.text(x + room + 12, y + 11, 12, said, "pl-quiet")
        y += _ROW + 1
    return y


def _short(placement: Placement, resource: Resource) -> str:
    limit = placement.capacity.limits[resource]
    if resource is Resource.MEMORY and limit % 8192 == 0:
        return f"{limit // 8192} KiB"
    return f"{limit:,}"


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
