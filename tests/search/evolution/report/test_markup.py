"""Numbers, words and tables as the page writes them."""

from __future__ import annotations

import pytest

from msc.search.evolution.report.markup import (
    bar,
    brief,
    listed,
    number,
    percent,
    plural,
    spread,
    table,
    text,
)
from tests.search.evolution.report.reading import rows


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.0, "0"),
        (3.0, "3"),
        (-21.944, "−21.94"),
        (0.45123, "0.4512"),
        (999.96, "1000"),
        (1234.5, "1,234"),
        (12_345.6, "12,346"),
        (-2_000_000.0, "−2,000,000"),
        (1.23456e11, "1.235e+11"),
        (1.5e-7, "1.5e-07"),
    ],
)
def test_numbers_have_four_digits(value: float | None, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("share", "written"), [(0.0, "0"), (0.00042, "0.042"), (0.005, "0.5"), (0.0734, "7.3"), (0.46, "46")]
)
def test_shares_keep_two_digits(share: float, written: str) -> None:
    assert percent(share) == f"{written}\N{NO-BREAK SPACE}%"


def test_words() -> None:
    assert [plural(n, "seed") for n in (0, 1, 2000)] == ["0 seeds", "1 seed", "2,000 seeds"]
    assert [listed(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert (brief(571_396.0), brief(0.4512)) == ("571k", "0.4512")
    assert (spread(0.025_74), spread(1109.4), spread(40.26)) == ("0.026", "1,109", "40")


def test_text_is_safe_in_attributes() -> None:
    assert text("<a title=\"x\" & 'y'>") == "&lt;a title=&quot;x&quot; &amp; &#x27;y&#x27;&gt;"


def test_tables_keep_their_cells() -> None:
    assert rows(table(["a", "b"], [["1", "<b>2</b>"], ["3", "4"]], numeric=(1,))) == [
        ["a", "b"],
        ["1", "2"],
        ["3", "4"],
    ]


def test_bars_stay_inside_their_cell() -> None:
    assert "width:50.0%" in bar(0.5, "blue")
    assert "width:100.0%" in bar(7.0, "blue")
    assert "width:0.0%" in bar(-1.0, "blue")
