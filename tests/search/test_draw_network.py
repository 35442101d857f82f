"""The drawing of any network: complete, marked as the network is, with nothing running through a box."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from msc.ir.describe import acts, describe_network
from msc.ir.network import Model, Network
from msc.ir.neurons import LIF, Source
from msc.search.draw_layout import columns
from msc.search.draw_network import (
    MOST_POPULATIONS,
    MOST_PROJECTIONS,
    DrawingError,
    draw_network_svg,
    network_scene,
)
from msc.search.draw_routes import plan
from tests.networks import NETWORKS, edge, net
from tests.search.test_draw import named, points, texts

each_model = pytest.mark.parametrize("name", NETWORKS)


def line(count: int, group: str = "") -> Network:
    """A chain of `count` populations of one neuron, with feedback from each to the one before."""
    names = [f"{group}n{i}" for i in range(count)]
    forward = [edge(a, b) for a, b in zip(["input", *names], names, strict=False)]
    back = [edge(b, a, delay=1) for a, b in pairwise(names)]
    return net(Source((1,)), dict.fromkeys(names, LIF()), *forward, *back, output=names[-1])


def unweighted(network: Network) -> Model:
    """Give a network without ops its biases."""

    return Model(
        network, {p.bias_key: np.zeros(1, np.float32) for p in network.populations if not p.is_source}
    )


@each_model
def test_everything_is_drawn_once_as_the_network_says(name: str) -> None:
    model = NETWORKS[name]
    text = draw_network_svg(model, "a <title> & more")
    assert text == draw_network_svg(model, "a <title> & more")
    root = ElementTree.fromstring(text)
    assert texts(root)[0] == "a <title> & more"
    boxes, strokes = named(root, "population", "g"), named(root, "projection", "path")
    assert boxes.keys() == {p.name for p in model.network.populations}
    assert strokes.keys() == {p.name for p in model.network.projections}
    for p in model.network.projections:
        assert ("stroke-dasharray" in strokes[p.name].attrib) == (p.delay > 0)
        kind = "bar-inhibitory" if acts(p, model.weights) == "inhibitory" else "arrow-excitatory"
        assert strokes[p.name].get("marker-end") == f"url(#msc-{kind})"
        assert not p.delay or any(text.endswith(f"@{p.delay}") for text in texts(root))


@each_model
def test_no_stroke_runs_through_a_box(name: str) -> None:
    network = NETWORKS[name].network
    shown = network_scene(network, describe_network(NETWORKS[name]))
    placed = plan(columns(shown), shown.strokes, 50.0)
    assert len(placed.paths) == len(shown.strokes)
    for stroke, path in placed.paths:
        for x, y in points(path):
            for key, box in placed.boxes.items():
                inside = box.x + 1 < x < box.right - 1 and box.y + 1 < y < box.bottom - 1
                assert not inside, f"{stroke.name} runs through {key}"


def panels(network: Network) -> list[tuple[str, list[str]]]:
    model = unweighted(network)
    shown = network_scene(network, describe_network(model))
    return [(panel.title, [box.name for box in panel.boxes]) for panel in shown.panels]


def test_panels_follow_the_flow_and_feedback_turns_nothing() -> None:
    assert panels(line(3)) == [("input", ["input"]), ("n0", ["n0"]), ("n1", ["n1"]), ("n2", ["n2"])]


def test_populations_of_one_prefix_share_a_panel_while_it_is_not_too_tall() -> None:
    assert [title for title, _ in panels(line(8, "block."))] == ["input", "block"]
    assert len(panels(line(9, "block."))) == 10


def test_long_names_are_cut_and_stand_in_full_beside_the_box() -> None:
    name = "a_very_long_name_that_fits_no_box"
    network = net(Source((1,)), {name: LIF()}, edge("input", name), output=name)
    root = ElementTree.fromstring(draw_network_svg(unweighted(network), "t"))
    assert "..fits_no_box"[-11:] in "".join(texts(root))
    assert name in named(root, "population", "g")


def test_what_no_drawing_can_hold_is_refused() -> None:
    with pytest.raises(DrawingError) as caught:
        draw_network_svg(unweighted(line(260)), "t")
    assert [str(problem) for problem in caught.value.problems] == [
        f"--svg: there are 261 populations, a drawing holds {MOST_POPULATIONS}; leave it out",
        f"--svg: there are 519 projections, a drawing holds {MOST_PROJECTIONS}; leave it out",
    ]


def test_the_largest_drawing_is_made() -> None:
    root = ElementTree.fromstring(draw_network_svg(unweighted(line(MOST_POPULATIONS - 1)), "t"))
    assert len(named(root, "projection", "path")) == 2 * MOST_POPULATIONS - 3
