"""What a drawing of a genome shows: panels of boxes and the strokes between them, live or dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from msc.ir.describe import ops_text, shape_text
from msc.ir.network import Network, Population, Projection
from msc.ir.neurons import Source
from msc.ir.ops import Shape
from msc.ir.shapes import infer_shapes
from msc.search.describe import group_names
from msc.search.lower import Lowered
from msc.search.skeleton import Dale
from msc.search.spaces import Blueprint, PlannedProjection


@dataclass(frozen=True)
class Box:
    """A population. `key` is its name in the blueprint, `name` in the network (the same where dropped)."""

    key: str
    name: str
    label: str
    shape: str
    inhibitory: bool
    alive: bool
    note: str = ""


@dataclass(frozen=True)
class Stroke:
    """A projection between the boxes `source` and `target` (their keys)."""

    name: str
    source: str
    target: str
    label: str
    inhibitory: bool
    delay: int
    dashed: bool
    alive: bool


@dataclass(frozen=True)
class Panel:
    """A stem, layer, cell or head: its boxes in the blueprint's order, under up to three lines of title."""

    title: str
    lines: tuple[str, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Scene:
    """All that is drawn, panels from left to right."""

    panels: tuple[Panel, ...]
    strokes: tuple[Stroke, ...]


def scene(lowered: Lowered) -> Scene:
    """Collect what to draw of a lowered genome.

    Of a connected genome the live network in full, and what lowering dropped; of a disconnected one all
    that the genes ask for, live being what excitation from the input reaches.
    """
    if lowered.network is None:
        return _whole(lowered)
    strokes = (*_live_strokes(lowered, lowered.network), *_dead_strokes(lowered))
    return Scene(tuple(_panels(lowered, set(lowered.names))), strokes)


def _whole(lowered: Lowered) -> Scene:
    """Everything of a disconnected genome; which of its delays hold is open, feedback is dashed."""
    blueprint = lowered.blueprint
    inhibitory = _inhibitory(blueprint)
    silent = set[str]() if lowered.genome.skeleton.dale is Dale.NONE else inhibitory
    reached, before = {"input"}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {p.target for p in blueprint.projections if p.source in reached - silent}
    strokes = (
        _stroke(p, p.source in inhibitory, p.backward, p.source in reached) for p in blueprint.projections
    )
    return Scene(tuple(_panels(lowered, reached)), tuple(strokes))


def _live_strokes(lowered: Lowered, network: Network) -> Iterator[Stroke]:
    """One stroke per projection of the network."""
    inhibitory = _inhibitory(lowered.blueprint)
    keys = {name: key for key, name in lowered.names.items()}
    for p in network.projections:
        source, target = keys[p.source], keys[p.target]
        label = ops_text(p.ops) + (f" @{p.delay}" if p.delay else "")
        yield Stroke(p.name, source, target, label, source in inhibitory, p.delay, p.delay > 0, True)


def _dead_strokes(lowered: Lowered) -> Iterator[Stroke]:
    """Projections that the genes ask for, with an end that is dropped."""
    inhibitory = _inhibitory(lowered.blueprint)
    for p in lowered.blueprint.projections:
        if not {p.source, p.target} <= lowered.names.keys():
            yield _stroke(p, p.source in inhibitory, True, False)


def _stroke(planned: PlannedProjection, inhibitory: bool, dashed: bool, alive: bool) -> Stroke:
    name = f"{planned.source}>{planned.target}"
    label = ops_text(planned.ops)
    return Stroke(name, planned.source, planned.target, label, inhibitory, 0, dashed or not alive, alive)


def _inhibitory(blueprint: Blueprint) -> set[str]:
    return {p.name for p in blueprint.populations if p.inhibitory}


def _panels(lowered: Lowered, alive: Collection[str]) -> Iterator[Panel]:
    """Make the input and one panel per group of the blueprint."""
    skeleton = lowered.genome.skeleton
    shapes = _shapes(lowered)
    notes = {dropped.name: dropped.reason for dropped in lowered.dropped}
    source = Box("input", "input", "input", shape_text(skeleton.input_shape), False, True)
    yield Panel("input", (skeleton.input.value,), (source,))
    names = group_names(lowered)
    for group, title in lowered.blueprint.groups.items():
        boxes = tuple(
            Box(
                p.name,
                lowered.names.get(p.name, p.name),
                p.name.rpartition(".")[2],
                shape_text(shapes.get(p.name, ())),
                p.inhibitory,
                p.name in alive,
                notes.get(p.name, ""),
            )
            for p in lowered.blueprint.populations
            if p.group == group
        )
        yield Panel(*_titles(group, names.get(group), title, lowered), boxes)


def _titles(group: str, name: str | None, title: str, lowered: Lowered) -> tuple[str, tuple[str, ...]]:
    """Title a panel: `layer 2 FbI`, over the motif's title and the genome's number where it differs."""
    code, _, words = title.partition(", ")
    if group == "head":
        skeleton = lowered.genome.skeleton
        return title, (f"{skeleton.classes} classes", f"x {skeleton.votes} votes")
    if not words:
        return title, ()
    number = (name or group).removeprefix("layer")
    renamed = (f"layer {group.removeprefix('layer')} of the genome",) if name not in (group, None) else ()
    if name is None and lowered.network is not None:
        return f"{code} (dropped)", (words, f"layer {number} of the genome")
    return f"layer {number} · {code}", (words, *renamed)


def _shapes(lowered: Lowered) -> dict[str, Shape]:
    """Compute shapes by blueprint name; one that no path from the input decides is that of its group."""
    blueprint, skeleton = lowered.blueprint, lowered.genome.skeleton
    populations = (Population(p.name, skeleton.neuron) for p in blueprint.populations)
    network = Network(
        (Population("input", Source(skeleton.input_shape, skeleton.input)), *populations),
        tuple(Projection(f"{i}", p.source, p.target, p.ops) for i, p in enumerate(blueprint.projections)),
        "head",
    )
    shapes, _ = infer_shapes(network)
    of_group = {p.group: shapes[p.name] for p in blueprint.populations if p.name in shapes}
    mates = {p.name: of_group[p.group] for p in blueprint.populations if p.group in of_group}
    return mates | shapes
