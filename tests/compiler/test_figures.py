"""Figures: whole numbers, decimals and yes or no, each with unit, source, year and status."""

from __future__ import annotations

import math

import pytest

from msc.compiler.figures import LARGEST, Figure, Status, Value, read_figure

ENERGY: dict[str, object] = {
    "value": 23.6,
    "unit": "pJ",
    "source": "a paper",
    "year": 2018,
    "node": "14 nm",
    "status": "published",
}
DIFFERING: dict[str, object] = {**ENERGY, "status": "conflicting", "low": 10, "high": 30.5}
ANY = f"give a number above 0, at most {LARGEST}; if not known, leave the figure out"


def read(table: object, kind: Value = Value.DECIMAL, has_node: bool = True) -> Figure:
    figure, problems = read_figure(table, "my.toml, e", "pJ", kind, has_node)
    assert not problems
    assert figure is not None
    return figure


def told(table: object, kind: Value = Value.DECIMAL, has_node: bool = True) -> list[str]:
    figure, problems = read_figure(table, "my.toml, e", "pJ", kind, has_node)
    assert figure is None
    return [str(problem) for problem in problems]


def test_a_decimal_with_its_node() -> None:
    assert read(ENERGY) == Figure(23.6, "pJ", "a paper", 2018, Status.PUBLISHED, node="14 nm")
    assert (read(ENERGY).least, read(ENERGY).most) == (23.6, 23.6)


def test_a_decimal_may_be_whole() -> None:
    assert read({**ENERGY, "value": 52}).value == 52


def test_sources_that_differ() -> None:
    figure = read(DIFFERING)
    assert (figure.least, figure.value, figure.most) == (10, 23.6, 30.5)


def test_a_whole_number_is_given_as_one() -> None:
    figure = read({**ENERGY, "value": 8}, Value.WHOLE)
    assert figure.whole == 8
    assert isinstance(figure.whole, int)


def test_without_a_node_there_is_none() -> None:
    table = {key: value for key, value in ENERGY.items() if key != "node"}
    assert read(table, has_node=False).node is None
    assert told(table) == ["my.toml, e.node: is missing; write node = ..."]
    assert told(ENERGY, has_node=False) == [
        "my.toml, e.node: is an unknown key; remove it; known here: value, unit, source, year, status, low,"
        " high"
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (-3.5, "-3.5"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1e300, "1e+300"),
        (2**41, str(2**41)),
        (True, "True"),
        ("23.6", "'23.6'"),
        ([23.6], "[23.6]"),
        ({}, "{}"),
    ],
    ids=str,
)
def test_what_is_no_energy(value: object, shown: str) -> None:
    assert told({**ENERGY, "value": value}) == [f"my.toml, e.value: is {shown}; {ANY}"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("unit", "nJ", "unit: is 'nJ'; write unit = \"pJ\""),
        ("unit", 3, 'unit: is 3; write unit = "pJ"'),
        ("node", " ", 'node: is not a line of text; name the process, such as "45 nm"'),
        ("node", 45, 'node: is not a line of text; name the process, such as "45 nm"'),
        ("source", "a\nb", "source: is not a line of text; say where the value is published"),
        ("year", True, "year: is True; give the source's year, such as 2018"),
        ("status", "unpublished", "status: is 'unpublished'; use one of: published, conflicting, unverified"),
        ("status", ["published"], "status: is ['published']; use one of: published, conflicting, unverified"),
        (
            "by",
            "me",
            "by: is an unknown key; remove it; known here: value, unit, source, year, node, status, low,"
            " high",
        ),
    ],
    ids=[
        "unit",
        "number for a unit",
        "blank node",
        "number for a node",
        "source",
        "year",
        "status",
        "list",
        "key",
    ],
)
def test_what_is_no_figure(key: str, value: object, problem: str) -> None:
    assert told({**ENERGY, key: value}) == [f"my.toml, e.{problem}"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"low": 31.0}, "value: is 23.6, low is 31.0 and high 30.5; give low <= value <= high, low < high"),
        ({"value": 9.9}, "value: is 9.9, low is 10 and high 30.5; give low <= value <= high, low < high"),
        (
            {"value": 10, "high": 10},
            "value: is 10, low is 10 and high 10; give low <= value <= high, low < high",
        ),
        ({"low": math.nan}, f"low: is nan; {ANY}"),
        ({"high": 0}, f"high: is 0; {ANY}"),
    ],
    ids=["low above high", "value below", "equal", "nan", "zero"],
)
def test_bounds_that_are_none(change: dict[str, object], problem: str) -> None:
    assert told({**DIFFERING, **change}) == [f"my.toml, e.{problem}"]


def test_all_that_is_missing_is_told_at_once() -> None:
    keys = ("value", "unit", "source", "year", "node", "status")
    assert told({}) == [f"my.toml, e.{key}: is missing; write {key} = ..." for key in keys]


def test_what_is_no_table() -> None:
    assert told(23.6) == [
        "my.toml, e: is not a table; write a table with value, unit, source, year, node, status"
    ]
