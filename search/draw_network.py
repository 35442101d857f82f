"""Draws any network as a genome is drawn: panels of populations from left to right, strokes between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from msc.ir.describe import INHIBITORY, describe_network, neuron_text, shape_text, short_number
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.graph import components, update_order
from msc.ir.network import Model, Network
from msc.search.draw import INK, QUIET, paint
from msc.search.draw_scene import Box, Panel, Scene, Stroke

MOST_POPULATIONS, MOST_PROJECTIONS = 150, 500
_TALLEST = 8  # boxes in one panel
_LABEL, _SHAPE, _TITLE = 11, 14, 24  # characters that fit a box, and a panel's title


class DrawingError(MscError):
    """A network is too large for a drawing that anyone could read."""


def draw_network_svg(model: Model, title: str) -> str:
    """Draw a verified model under `title` (plain text); the same model gives the same text.

    Raises DrawingError above `MOST_POPULATIONS` or `MOST_PROJECTIONS`.
    """
    network = model.network
    raise_all(
        DrawingError,
        [
            Problem("--svg", f"there are {found} {what}, a drawing holds {most}", "leave it out")
            for what, found, most in (
                ("populations", len(network.populations), MOST_POPULATIONS),
                ("projections", len(network.projections), MOST_PROJECTIONS),
            )
            if found > most
        ],
    )
    description = describe_network(model)
    totals = description["totals"]
    counts = (("neurons", "neurons"), ("synapses", "synapses"), ("weights", "weights"))
    sizes = [f"{short_number(totals[key])} {name}" for key, name in counts]
    facts = " · ".join((*sizes, f"{short_number(totals['macs_per_step'])} MACs per step"))
    return paint(network_scene(network, description), [(title, INK), (facts, QUIET)], "excitation, mixed")


def network_scene(network: Network, description: Mapping[str, Any]) -> Scene:
    """Collect what to draw of a described network: boxes by panel, a stroke for each projection."""
    strokes = tuple(
        Stroke(
            p["name"],
            p["source"],
            p["target"],
            p["op"] + (f" @{p['delay']}" if p["delay"] else ""),
            p["acts"] == INHIBITORY,
            p["delay"],
            p["delay"] > 0,
            True,
        )
        for p in description["projections"]
    )
    leaving: dict[str, list[bool]] = defaultdict(list)
    for stroke in strokes:
        leaving[stroke.source].append(stroke.inhibitory)
    populations = {p["name"]: p for p in description["populations"]}
    boxes = {
        name: Box(
            name,
            name,
            _end(name.rpartition(".")[2], _LABEL),
            _fitting(p["shape"]),
            bool(leaving[name]) and all(leaving[name]),
            True,
            neuron_text(p["neuron"]),
        )
        for name, p in populations.items()
    }
    panels = (
        Panel(*_titles(names, populations), tuple(boxes[name] for name in names))
        for names in _groups(network)
    )
    return Scene(tuple(panels), strokes)


def _titles(names: tuple[str, ...], populations: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Title a panel: what its populations' names begin with, or the names, over their kinds of neuron."""
    neurons = [populations[name]["neuron"] for name in names]
    kinds = dict.fromkeys(neuron.get("emits", neuron["kind"]) for neuron in neurons)
    group = names[0].rpartition(".")[0] if len(names) > 1 else ""
    return _end(group or ", ".join(names), _TITLE), (" ".join(kinds),)


def _groups(network: Network) -> Iterator[tuple[str, ...]]:
    """Put populations into panels: those of one dotted prefix, others by how far they are from the input."""
    far = _distances(network)
    order = update_order(network)
    prefixes = defaultdict[str, list[str]](list)
    for name in order:
        prefixes[name.rpartition(".")[0]].append(name)
    panels = defaultdict[tuple[str, int], list[str]](list)
    for name in order:
        prefix = name.rpartition(".")[0]
        shared = prefix if len(prefixes[prefix]) <= _TALLEST else ""
        panels[shared, min(far[n] for n in prefixes[prefix]) if shared else far[name]].append(name)
    yield from map(tuple, sorted(panels.values(), key=lambda names: min(far[name] for name in names)))


def _distances(network: Network) -> dict[str, int]:
    """Count the projections on the longest way to each population, feedback left out."""
    far: dict[str, int] = {}
    for members in components(network):
        into = [p for name in members for p in network.into(name)]
        start = max((far[p.source] + 1 for p in into if p.source not in members), default=0)
        for name in members:  # what feeds it within the step comes before it
            inner = (p for p in network.into(name) if p.source in members and not p.delay)
            far[name] = max([start, *(far[p.source] + 1 for p in inner)])
    return far


def _fitting(shape: list[int]) -> str:
    text = shape_text(shape)
    return text if len(text) <= _SHAPE else short_number(prod(shape))


def _end(text: str, most: int) -> str:
    return text if len(text) <= most else ".." + text[2 - most :]
