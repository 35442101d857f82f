"""The drawing: well formed, complete, marked as the network is, and with nothing running through a box."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from msc.search import draw, draw_scene
from msc.search.describe import describe
from msc.search.draw import draw_svg
from msc.search.draw_layout import columns
from msc.search.draw_routes import plan
from msc.search.draw_scene import Scene, scene
from msc.search.genome import Genome
from msc.search.lower import lower
from tests.search.sample_genomes import CUT_CELL, CUT_LAYERS, LOOPED_CELL, PART_DEAD, layered, random_genomes

CONNECTED = [*random_genomes(), PART_DEAD, LOOPED_CELL, layered([])]
GENOMES = [*CONNECTED, CUT_LAYERS, CUT_CELL]
each_genome = pytest.mark.parametrize("genome", GENOMES, ids=range(len(GENOMES)))
each_connected = pytest.mark.parametrize("genome", CONNECTED, ids=range(len(CONNECTED)))


def drawn(genome: Genome) -> ElementTree.Element:
    return ElementTree.fromstring(draw_svg(genome))


def named(root: ElementTree.Element, kind: str, tag: str) -> dict[str, ElementTree.Element]:
    found = [e for e in root.findall(f".//{{*}}{tag}") if e.get("class") == kind]
    elements = {e.get("data-name", ""): e for e in found}
    assert len(elements) == len(found), "drawn twice"
    return elements


def texts(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.findall(".//{*}text")]


@each_connected
def test_every_population_and_projection_is_drawn_once(genome: Genome) -> None:
    network = lower(genome).network
    assert network is not None
    root = drawn(genome)
    assert named(root, "population", "g").keys() == {p.name for p in network.populations}
    assert named(root, "projection", "path").keys() == {p.name for p in network.projections}


@each_connected
def test_strokes_are_marked_as_the_network_is(genome: Genome) -> None:
    """Dashed where delayed and nowhere else; a bar where an inhibitory population acts, else an arrow."""
    lowered = lower(genome)
    assert lowered.network is not None
    inhibitory = {
        lowered.names[p.name]
        for p in lowered.blueprint.populations
        if p.inhibitory and p.name in lowered.names
    }
    root = drawn(genome)
    strokes = named(root, "projection", "path")
    for projection in lowered.network.projections:
        stroke = strokes[projection.name]
        assert ("stroke-dasharray" in stroke.attrib) == (projection.delay > 0)
        kind = "bar-inhibitory" if projection.source in inhibitory else "arrow-excitatory"
        assert stroke.get("marker-end") == f"url(#msc-{kind})"
    for name, box in named(root, "population", "g").items():
        assert box.get("data-role") == ("inhibitory" if name in inhibitory else "excitatory")
    assert sum("@1" in text for text in texts(root)) >= any(p.delay for p in lowered.network.projections)


@each_genome
def test_drawing_stands_alone_and_repeats(genome: Genome) -> None:
    text = draw_svg(genome)
    assert text == draw_svg(genome)
    assert text.startswith("<svg ")
    links = re.findall(r"https?://[^\"' ]+|url\([^)]*\)|(?:xlink:)?href|@import|<script|<image|<style", text)
    assert set(links) <= {
        "http://www.w3.org/2000/svg",
        *(
            f"url(#msc-{head}-{look})"
            for head in ("arrow", "bar")
            for look in ("excitatory", "inhibitory", "dropped")
        ),
    }
    root = ElementTree.fromstring(text)
    known = {marker.get("id") for marker in root.findall(".//{*}marker")}
    assert {link[5:-1] for link in links if link.startswith("url(")} <= known


@each_genome
def test_everything_is_inside_the_picture(genome: Genome) -> None:
    root = drawn(genome)
    width, height = (float(root.get(side, "")) for side in ("width", "height"))
    for rect in root.findall(".//{*}rect"):
        if rect.get("width") != "100%":
            x, y, w, h = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height


@each_genome
def test_no_stroke_runs_through_a_box(genome: Genome) -> None:
    """Follow the strokes between panels corner by corner, those inside a panel point by point."""
    shown = scene(lower(genome))
    placed = plan(columns(shown), shown.strokes, 50.0)
    assert len(placed.paths) == len(shown.strokes)
    for stroke, path in placed.paths:
        for x, y in points(path):
            for key, box in placed.boxes.items():
                inside = box.x + 1 < x < box.right - 1 and box.y + 1 < y < box.bottom - 1
                assert not inside, f"{stroke.name} runs through {key}"


def points(path: str) -> list[tuple[float, float]]:
    """Sample a path of M, L, V, Q and C commands."""
    points: list[tuple[float, float]] = []
    for command, values in re.findall(r"([MLVQC])([^MLVQC]*)", path):
        numbers = [float(value) for value in values.split()]
        if command == "V":
            numbers = [points[-1][0], *numbers]
        controls = list(zip(numbers[::2], numbers[1::2], strict=True))
        if command == "M":
            points += controls
            continue
        start = points[-1]
        points += [_bezier([start, *controls], step / 40) for step in range(1, 41)]
    return points


def _bezier(controls: list[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(controls) > 1:
        controls = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(controls)]
    return controls[0]


@each_genome
def test_boxes_do_not_overlap(genome: Genome) -> None:
    shown = scene(lower(genome))
    placed = plan(columns(shown), shown.strokes, 50.0)
    boxes = list(placed.boxes.values())
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a.right < b.x or b.right < a.x or a.bottom < b.y or b.bottom < a.y


def test_boxes_say_name_and_shape() -> None:
    root = drawn(layered([(3, [1, 2, 1, 1])], reductions=[0]))
    boxes = named(root, "population", "g")
    assert texts(boxes["layer1.I"]) == ["I", "8x4x4"]
    assert texts(boxes["input"]) == ["input", "2x8x8"]
    assert texts(boxes["head"]) == ["head", "6"]
    shown = texts(root)
    assert "layer 1 · FbI" in shown
    assert "feedback inhibition" in shown
    assert {"3x3/2", "5x5", "3x3 @1"} <= set(shown)


def test_dropped_parts_are_faded_and_explained() -> None:
    root = drawn(PART_DEAD)
    boxes = named(root, "dropped", "g")
    assert boxes.keys() == {"layer1.I", "layer3.B2"}
    for box in boxes.values():
        assert "nothing excites it" in (box.findtext("{*}title") or "")
    assert "dropped" in texts(root)
    assert "empty in the genome: layer2" in texts(root)
    strokes = named(root, "dropped", "path")
    assert {"layer1.I>layer1.C", "layer3.I>layer3.B2"} <= strokes.keys()
    for stroke in strokes.values():
        assert "stroke-dasharray" in stroke.attrib
        assert (stroke.get("marker-end") or "").endswith("-dropped)")


def test_dropped_strokes_follow_twins_that_change_places() -> None:
    """Lowering orders twins: here the genes' A1 and B1 become A2 and B2, and what is dropped goes along."""
    genome = layered([(4, [1, 2, 1, 1, 0, 1, 1, 1])])
    lowered = lower(genome)
    assert [d.name for d in lowered.dropped] == ["layer1.B2"]
    shown = scene(lowered)
    assert {box.key for panel in shown.panels for box in panel.boxes if not box.alive} == {"layer1.B2"}
    dead = {(s.source, s.target) for s in shown.strokes if not s.alive}
    assert dead == {("layer1.I", "layer1.B2"), ("layer1.B2", "head")}


@pytest.mark.parametrize(
    ("genome", "reached"),
    [(CUT_LAYERS, {"input", "stem"}), (CUT_CELL, {"input", "cell1.n0", "cell1.n1", "cell1.n2"})],
    ids=["layers", "cell"],
)
def test_disconnected_genomes_are_drawn_with_the_cut(genome: Genome, reached: set[str]) -> None:
    root = drawn(genome)
    assert named(root, "population", "g").keys() == reached
    everything = {"input", *(p.name for p in lower(genome).blueprint.populations)}
    assert named(root, "dropped", "g").keys() == everything - reached
    assert (root.findtext("{*}title") or "").endswith("is disconnected")
    assert describe(genome)["cut"] in texts(root)


def test_text_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come from files of motifs and spaces that others add."""

    def hostile(lowered: object) -> Scene:
        shown = draw_scene.scene(lower(LOOPED_CELL))
        panel = shown.panels[0]
        box = replace(panel.boxes[0], name="<a & \"b\" 'c'>", label="<&>", note="</g>")
        panels = (replace(panel, title="</text>&", lines=("<b>",), boxes=(box,)), *shown.panels[1:])
        strokes = tuple(replace(stroke, label=f'<{stroke.label}>&"') for stroke in shown.strokes)
        return Scene(panels, strokes)

    monkeypatch.setattr(draw, "scene", hostile)
    root = drawn(LOOPED_CELL)
    assert "<a & \"b\" 'c'>" in named(root, "population", "g")
    assert {"<&>", "</text>&", "<b>", '<3x3>&"'} <= set(texts(root))
