"""Charts as text: deterministic, of the page's font and colours; ticks that can be told apart."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from msc.search.reporting.canvas import (
    chart,
    dots,
    end_labels,
    headline,
    logarithmic,
    numbered,
    scale,
    tick_labels,
)
from msc.search.reporting.palette import PALETTE, hue

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def drawn(values: list[float], name: str = "chart", title: str = "a < b & $x$") -> str:
    def draw(axes: Axes) -> None:
        scale(axes, "x", [0.0, float(len(values))])
        scale(axes, "y", values)
        axes.plot(range(len(values)), values, color=hue("blue"))
        dots(axes, [(float(i), value) for i, value in enumerate(values)], "red")
        end_labels(axes, [(values[-1], title, "green")])
        headline(axes, title)

    return chart(name, f"{title} described", draw)


def test_a_chart_is_well_formed_and_says_what_it_shows() -> None:
    svg = drawn([1.0, 2.0, 3.0])
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "a < b & $x$ described"
    texts = [element.text for element in root.iter() if element.tag == "text"]
    assert texts.count("a < b & $x$") == 2


def test_a_chart_takes_font_and_colours_of_the_page() -> None:
    svg = drawn([1.0, 2.0, 3.0])
    assert "font-family" not in svg
    assert "<style" not in svg
    assert "var(--blue)" in svg
    assert "var(--red)" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)
    assert not re.search(r"\d\.\d{3,}", re.sub(r">[^<]*<", "><", svg))


def test_a_chart_is_the_same_each_time_and_its_ids_are_its_own() -> None:
    assert drawn([1.0, 2.0]) == drawn([1.0, 2.0])
    ids = [set(re.findall(r'id="([^"]*)"', drawn([1.0, 2.0], name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_drawing_leaves_no_setting_behind() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn([1.0, 2.0])
    assert dict(matplotlib.rcParams) == before


def test_colours_of_the_palette_are_told_apart() -> None:
    for side in (0, 1):
        assert len({pair[side] for pair in PALETTE.values()}) == len(PALETTE)


@example([2.2e-313, 1.0])
@settings(max_examples=30)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5))
def test_any_values_can_be_scaled(values: list[float]) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    scale(axes, "y", values)
    low, high = axes.get_ylim()
    assert low <= min(values) <= max(values) <= high
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == len(labels)


def test_a_logarithmic_axis_has_ticks_of_one_digit() -> None:
    def draw(axes: Axes) -> None:
        logarithmic(axes, "x", 0.1, 10.0)

    svg = chart("ratios", "ratios", draw)
    assert re.findall(r">([\d.]+)</text>", svg)[:7] == ["0.1", "0.3", "1", "3", "10", "0.0", "0.2"]


@pytest.mark.parametrize("values", [[0.001, 100.0], [1e-6, 1e8], [1.0, 60.0], [3e4, 9e6]])
def test_wide_ranges_are_logarithmic(values: list[float]) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    scale(axes, "y", values)
    assert axes.get_yscale() == "log"
    ticks = list(axes.get_yticks())
    assert 2 <= len(ticks) <= 6
    assert all(low < high for low, high in pairwise(ticks))


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0.0, 5_000.0], ["0", "5000"]),
        ([900_000.0, 950_000.0], ["900k", "950k"]),
        ([0.0, 500_000.0, 1_000_000.0], ["0", "0.5M", "1.0M"]),
        ([-30.0, -20.0], ["-30", "-20"]),
        ([0.0, 2e-5], ["0", "2e-05"]),
        ([1_000_010.0, 1_000_020.0], ["1.00001M", "1.00002M"]),
        ([7.0], ["7"]),
        ([], []),
    ],
)
def test_ticks_are_short_and_told_apart(ticks: list[float], labels: list[str]) -> None:
    assert tick_labels(ticks) == labels


def heights(svg: str, names: list[str]) -> list[float]:
    found = {m[2]: float(m[1]) for m in re.finditer(r'<text[^>]* y="([^"]*)"[^>]*>([^<]*)<', svg)}
    return [found[name] for name in names]


def test_labels_at_the_edge_do_not_overlap() -> None:
    names = [f"label {i}" for i in range(6)]

    def draw(axes: Axes) -> None:
        axes.set_ylim(0, 1)
        end_labels(axes, [(0.5, name, "blue") for name in names])

    placed = heights(chart("labels", "labels", draw), names)
    assert all(a - b >= 12 for a, b in pairwise(placed))


def test_labels_with_room_stay_where_they_belong() -> None:
    def draw(axes: Axes) -> None:
        axes.set_ylim(0, 1)
        end_labels(axes, [(0.0, "low", "blue"), (0.5, "middle", "blue"), (1.0, "high", "blue")])

    low, middle, high = heights(chart("labels", "labels", draw), ["low", "middle", "high"])
    assert low - middle == pytest.approx(middle - high, abs=0.1)
    assert low - high == pytest.approx(202, abs=1)


@pytest.mark.parametrize(
    ("first", "count", "labels"),
    [
        (0, 1, ["0"]),
        (0, 4, ["0", "1", "2", "3"]),
        (0, 81, ["0", "20", "40", "60", "80"]),
        (1, 1, ["1"]),
        (1, 3, ["1", "2", "3"]),
        (1, 30, ["1", "5", "10", "15", "20", "25", "30"]),
        (1, 300, ["1", "50", "100", "150", "200", "250", "300"]),
    ],
)
def test_steps_are_numbered_from_the_first(first: int, count: int, labels: list[str]) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    numbered(axes, first, count, "step")
    assert [label.get_text() for label in axes.get_xticklabels()] == labels
    low, high = axes.get_xlim()
    assert low < first
    assert first + count - 1 < high
    assert axes.get_xlabel() == "step"


def test_words_that_our_font_lacks_are_no_warning() -> None:
    with catch_warnings():
        simplefilter("error")
        assert "我的芯片" in drawn([1.0, 2.0], title="我的芯片")
