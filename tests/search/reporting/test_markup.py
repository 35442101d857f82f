"""Numbers, words and tables as the page writes them."""

from __future__ import annotations

import pytest

from msc.search.reporting.markup import (
    accurate,
    bar,
    brief,
    bullets,
    duration,
    listed,
    number,
    percent,
    plural,
    spread,
    table,
    text,
    tiles,
)
from tests.search.reporting.reading import rows, words


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


@pytest.mark.parametrize(
    ("share", "written"), [(0.0, "0.00"), (0.972_22, "97.22"), (0.999_96, "100.00"), (1.0, "100.00")]
)
def test_accuracies_have_two_decimals(share: float, written: str) -> None:
    assert accurate(share) == f"{written}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125.0, "2 min 5 s"),
        (3600.0, "1 h"),
        (3605.0, "1 h"),
        (7830.0, "2 h 10 min"),
        (360_000.0, "100 h"),
    ],
)
def test_times_have_two_units_at_most(seconds: float, written: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == written


def test_tiles_hold_text() -> None:
    html = tiles([("a<b", "1", "of 2"), ("c", "<i>", "")])
    assert words(html) == "a<b 1 of 2 c <i>"
    assert html.startswith('<dl class="tiles">')
    assert tiles([("a", "1", "")], kind="tiles wide").startswith('<dl class="tiles wide">')


def test_bullets_hold_markup() -> None:
    assert bullets(["<em>a</em>", "b"]) == "<ul><li><em>a</em></li><li>b</li></ul>"


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
