"""The picture: a file by itself, one shape per core, what it says is what is placed."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from msc.compiler.placement import Placement, load_profile, picture, place, placement_problems
from msc.compiler.placement.colours import colours_of
from msc.ir.network import Network
from tests.compiler.placement.profiles import chip
from tests.compiler.placement.test_placing import MACHINES
from tests.fixed_networks import LEAKY
from tests.networks import EVENTS, conv, edge, net

SVG = "{http://www.w3.org/2000/svg}"


def drawn(placement: Placement) -> ElementTree.Element:
    """Draw and parse; the picture takes nothing from outside itself."""
    text = picture(placement)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert set(re.findall(r"url\((.*?)\)", text)) <= {"#pl-relay"}
    return ElementTree.fromstring(text)


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def cores_told(root: ElementTree.Element) -> list[str]:
    titles = [group.find(f"{SVG}title") for group in root.iter(f"{SVG}g")]
    return [title.text or "" for title in titles if title is not None]


def test_every_core_is_drawn_and_says_what_it_holds() -> None:
    placement = place(MACHINES["everything"], load_profile("loihi1"))
    root = drawn(placement)
    first, second = cores_told(root)
    assert first.startswith("core 0: a (144 neurons), a.relay1 (144 neurons), e (216 neurons)")
    assert re.search(r"; neurons 84%, synaptic memory 1%, input axons 19%, output axons 28%, ", first)
    assert second.startswith("core 1: c (36 neurons), out (7 neurons); neurons 4%")
    assert "2 cores on 1 chip of Intel Loihi" in texts(root)
    assert "2 of 128 cores" in texts(root)


def test_a_core_is_filled_as_far_as_its_fullest_resource() -> None:
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", conv(1), delay=1))
    placement = place(network, chip(neurons_per_core=72))
    root = drawn(placement)
    (group,) = root.iter(f"{SVG}g")
    whole, filled = group.findall(f"{SVG}rect")
    assert float(filled.attrib["height"]) == pytest.approx(float(whole.attrib["height"]) / 2, rel=1e-3)
    assert filled.attrib["fill"] == colours_of(["out"])["out"]


def test_the_same_placement_gives_the_same_bytes() -> None:
    for name, model in MACHINES.items():
        first, second = (picture(place(model, load_profile("loihi2"))) for _ in range(2))
        assert first == second, name


def test_chips_stand_in_rows_and_too_many_are_counted() -> None:
    network = MACHINES["chain"].network
    two = drawn(place(network, chip(neurons_per_core=30)))
    assert [text for text in texts(two) if text.startswith("chip")] == ["chip 0", "chip 1"]
    many = place(network, chip(neurons_per_core=4, cores_per_chip=1))
    assert many.chips > 48
    root = drawn(many)
    assert len(cores_told(root)) == 48
    assert f"and {many.chips - 48} more chips" in texts(root)


def test_what_does_not_fit_is_told() -> None:
    placement = place(MACHINES["everything"].network, chip(input_axons_per_core=60))
    assert len(placement_problems(placement)) > 1
    root = drawn(placement)
    assert any(text.startswith("does not fit: population ") for text in texts(root))
    nothing = place(MACHINES["chain"].network, chip(input_axons_per_core=1))
    assert not nothing.cores
    assert "0 cores on 0 chips of A test chip" in texts(drawn(nothing))


def test_limits_that_are_not_known_or_in_doubt_are_told() -> None:
    root = drawn(place(MACHINES["chain"], load_profile("loihi2")))
    assert texts(root).count("no limit is known") == 3
    said = " ".join(texts(root))
    assert "Sources differ on cores per chip (120 to 128)." in said
    assert "Not verified: neurons per core, synaptic memory per core." in said


def test_names_are_written_as_text() -> None:
    network = MACHINES["chain"].network
    renamed = {"a": '<b>&"x"', "b": "b\x07]]>"}
    populations = tuple(replace(p, name=renamed.get(p.name, p.name)) for p in network.populations)
    projections = tuple(
        replace(p, source=renamed.get(p.source, p.source), target=renamed.get(p.target, p.target))
        for p in network.projections
    )
    evil = Network(populations, projections, network.output, network.timesteps)
    root = drawn(place(evil, load_profile("loihi2")))
    assert '<b>&"x"' in texts(root)
    assert "b?]]>" in texts(root)


def test_many_populations_are_told_apart_by_layer() -> None:
    names = [f"layer{i}.{part}" for i in range(20) for part in "AB"]
    ends = list(zip(["input", *names], [*names, "out"], strict=True))
    network = net(EVENTS, dict.fromkeys([*names, "out"], LEAKY), *(edge(*e, conv(1), delay=1) for e in ends))
    root = drawn(place(network, load_profile("loihi2")))
    assert {"layer0", "layer19", "out"} <= set(texts(root))
    assert "layer0.A" not in texts(root)


def test_relays_have_the_colour_of_what_they_repeat() -> None:
    placement = place(MACHINES["everything"], load_profile("loihi2"))
    root = drawn(placement)
    (group,) = root.iter(f"{SVG}g")
    fills = [rect.attrib["fill"] for rect in group.findall(f"{SVG}rect")][1:]
    assert fills.count("url(#pl-relay)") == 2
    hatched = [fills[i - 1] for i, fill in enumerate(fills) if fill == "url(#pl-relay)"]
    assert set(hatched) == {fills[0]}
    assert "relays" in texts(root)


def test_colours_differ_and_are_readable_on_white_and_black() -> None:
    names = [f"layer{i}.{part}" for i in range(6) for part in "ABC"]
    chosen = colours_of(names)
    assert len(set(chosen.values())) == len(names)
    for colour in chosen.values():
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        light = sum(w * p**2.2 for w, p in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
        assert 1.05 / (light + 0.05) > 1.8, colour  # against white
        assert (light + 0.05) / 0.05 > 2.5, colour  # against black
