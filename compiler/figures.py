"""A number about a chip together with its unit, its source, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeGuard, cast

from msc.ir.errors import Problem

LARGEST = 2**40  # of a value: more than any chip has of anything
_FIRST_YEAR, _LAST_YEAR = 1950, 2200
_KEYS = ("value", "unit", "source", "year", "status")
_BOUNDS = ("low", "high")
_SHOWN = 40  # characters of a wrong value that a message repeats


class Status(Enum):
    """How sure a figure is: read in its source, differing between sources, or recalled only."""

    PUBLISHED = "published"
    CONFLICTING = "conflicting"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Figure:
    """A whole number, or yes (True) or no, with where it comes from.

    `value` is what is used; where sources differ (`conflicting`), it lies in `low`..`high`, the least and
    the greatest that they say.
    """

    value: int
    unit: str
    source: str
    year: int
    status: Status
    low: int | None = None
    high: int | None = None


def read_figure(table: object, unit: str, is_yes_or_no: bool) -> tuple[Figure | None, list[Problem]]:
    """Read a figure in `unit` from a table of a decoded file; None beside problems where it is none.

    Problems are located below the table: ".value", or "" for the table itself.
    """
    if not isinstance(table, dict):
        return None, [Problem("", "is not a table", f"write a table with {', '.join(_KEYS)}")]
    content = cast("dict[str, object]", table)
    problems = [*_unknown(content), *_missing(content)]
    problems += _values(content, is_yes_or_no)
    problems += _words(content, unit)
    if problems:
        return None, problems
    low, high = (cast("int | None", content.get(name)) for name in _BOUNDS)
    return Figure(
        cast("int", content["value"]),
        unit,
        str(content["source"]),
        cast("int", content["year"]),
        Status(content["status"]),
        low,
        high,
    ), []


def _unknown(content: Mapping[str, object]) -> Iterator[Problem]:
    known = (*_KEYS, *_BOUNDS)
    for key in sorted(set(content) - set(known)):
        shown = repr(key[:_SHOWN])[1:-1]
        yield Problem(f".{shown}", "is an unknown key", f"remove it; known here: {', '.join(known)}")


def _missing(content: Mapping[str, object]) -> Iterator[Problem]:
    needed = (*_KEYS, *_BOUNDS) if content.get("status") == Status.CONFLICTING.value else _KEYS
    for key in needed:
        if key not in content:
            yield Problem(f".{key}", "is missing", f"write {key} = ...")
    if content.get("status") in (Status.PUBLISHED.value, Status.UNVERIFIED.value):
        for key in _BOUNDS:
            if key in content:
                fix = f'remove it, or write status = "{Status.CONFLICTING.value}"'
                yield Problem(f".{key}", "is for sources that differ", fix)


def _values(content: Mapping[str, object], is_yes_or_no: bool) -> Iterator[Problem]:
    """Check `value`, and that it lies between the bounds where there are any."""
    if is_yes_or_no:
        if "value" in content and not isinstance(content["value"], bool):
            yield Problem(".value", f"is {_shown(content['value'])}", "write true or false")
        for key in _BOUNDS:
            if key in content:
                yield Problem(f".{key}", "bounds what is yes or no", "remove it")
        return
    wrong = [key for key in ("value", *_BOUNDS) if key in content and not _is_amount(content[key])]
    for key in wrong:
        yield Problem(
            f".{key}",
            f"is {_shown(content[key])}",
            f"give a whole number from 1 to {LARGEST}; if not known, leave the limit out",
        )
    if not wrong and all(key in content for key in ("value", *_BOUNDS)):
        value, low, high = (cast("int", content[key]) for key in ("value", *_BOUNDS))
        if not low <= value <= high or low == high:
            yield Problem(
                ".value", f"is {value}, low is {low} and high {high}", "give low <= value <= high, low < high"
            )


def _words(content: Mapping[str, object], unit: str) -> Iterator[Problem]:
    """Check unit, source, year and status."""
    if content.get("unit", unit) != unit:
        yield Problem(".unit", f"is {_shown(content['unit'])}", f'write unit = "{unit}"')
    source = content.get("source", "-")
    if not isinstance(source, str) or not source.strip() or not source.isprintable():
        yield Problem(".source", "is not a line of text", "say where the value is published")
    year = content.get("year", _FIRST_YEAR)
    if not _is_whole(year) or not _FIRST_YEAR <= year <= _LAST_YEAR:
        yield Problem(".year", f"is {_shown(year)}", "give the source's year, such as 2018")
    known = [status.value for status in Status]
    if content.get("status", known[0]) not in known:
        yield Problem(".status", f"is {_shown(content['status'])}", f"use one of: {', '.join(known)}")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_amount(value: object) -> TypeGuard[int]:
    return _is_whole(value) and 1 <= value <= LARGEST


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
