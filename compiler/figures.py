"""A number about a chip together with its unit, its source, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeGuard, cast

from msc.compiler.toml_files import is_line_of_text, unknown_keys
from msc.ir.errors import Problem

LARGEST = 2**40  # of a value: more than any chip has of anything
_FIRST_YEAR, _LAST_YEAR = 1950, 2200
_KEYS = ("value", "unit", "source", "year", "status")
_NODE = "node"
_BOUNDS = ("low", "high")
_SHOWN = 40  # characters of a wrong value that a message repeats


class Value(Enum):
    """What a figure's value can be: a whole number from 1, a number above 0, or yes (True) or no."""

    WHOLE = "whole number"
    DECIMAL = "number"
    YES_OR_NO = "yes or no"


class Status(Enum):
    """How sure a figure is: read in its source, differing between sources, or recalled only."""

    PUBLISHED = "published"
    CONFLICTING = "conflicting"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Figure:
    """A number, or yes (True) or no, with where it comes from.

    `value` is what is used; where sources differ (`conflicting`), it lies in `low`..`high`, the least and
    the greatest that they say. `node` names the process that it holds for, where a file says so.
    """

    value: float
    unit: str
    source: str
    year: int
    status: Status
    low: float | None = None
    high: float | None = None
    node: str | None = None

    @property
    def whole(self) -> int:
        """The value of what is counted in whole numbers."""
        assert _is_whole(self.value)
        return self.value

    @property
    def least(self) -> float:
        """The least that sources say: the value where they agree."""
        return self.value if self.low is None else self.low

    @property
    def most(self) -> float:
        """The greatest that sources say: the value where they agree."""
        return self.value if self.high is None else self.high


def read_figure(
    table: object, where: str, unit: str, kind: Value, has_node: bool = False
) -> tuple[Figure | None, list[Problem]]:
    """Read a figure in `unit` from a table of a decoded file; None beside problems where it is none.

    `where` names the table in problems; `has_node`: it must say the process that it holds for.
    """
    keys = (*_KEYS[:-1], _NODE, _KEYS[-1]) if has_node else _KEYS
    if not isinstance(table, dict):
        return None, [Problem(where, "is not a table", f"write a table with {', '.join(keys)}")]
    content = cast("dict[str, object]", table)
    found = (*_missing(content, keys), *_values(content, kind, has_node), *_words(content, unit, has_node))
    problems = list(unknown_keys(content, (*keys, *_BOUNDS), f"{where}."))
    problems += (Problem(f"{where}.{p.where}", p.what, p.fix) for p in found)
    if problems:
        return None, problems
    low, high = (cast("float | None", content.get(name)) for name in _BOUNDS)
    return Figure(
        cast("float", content["value"]),
        unit,
        str(content["source"]),
        cast("int", content["year"]),
        Status(content["status"]),
        low,
        high,
        str(content[_NODE]) if has_node else None,
    ), []


def _missing(content: Mapping[str, object], keys: tuple[str, ...]) -> Iterator[Problem]:
    needed = (*keys, *_BOUNDS) if content.get("status") == Status.CONFLICTING.value else keys
    for key in needed:
        if key not in content:
            yield Problem(key, "is missing", f"write {key} = ...")
    if content.get("status") in (Status.PUBLISHED.value, Status.UNVERIFIED.value):
        for key in _BOUNDS:
            if key in content:
                fix = f'remove it, or write status = "{Status.CONFLICTING.value}"'
                yield Problem(key, "is for sources that differ", fix)


def _values(content: Mapping[str, object], kind: Value, has_node: bool) -> Iterator[Problem]:
    """Check `value`, and that it lies between the bounds where there are any."""
    if kind is Value.YES_OR_NO:
        if "value" in content and not isinstance(content["value"], bool):
            yield Problem("value", f"is {shown(content['value'])}", "write true or false")
        for key in _BOUNDS:
            if key in content:
                yield Problem(key, "bounds what is yes or no", "remove it")
        return
    is_whole = kind is Value.WHOLE
    wrong = [key for key in ("value", *_BOUNDS) if key in content and not _is_amount(content[key], is_whole)]
    what = f"a whole number from 1 to {LARGEST}" if is_whole else f"a number above 0, at most {LARGEST}"
    leave = "the figure" if has_node else "the limit"
    for key in wrong:
        yield Problem(key, f"is {shown(content[key])}", f"give {what}; if not known, leave {leave} out")
    if not wrong and all(key in content for key in ("value", *_BOUNDS)):
        value, low, high = (cast("float", content[key]) for key in ("value", *_BOUNDS))
        if not low <= value <= high or low == high:
            yield Problem(
                "value", f"is {value}, low is {low} and high {high}", "give low <= value <= high, low < high"
            )


def _words(content: Mapping[str, object], unit: str, has_node: bool) -> Iterator[Problem]:
    """Check unit, source, year, node and status."""
    if content.get("unit", unit) != unit:
        yield Problem("unit", f"is {shown(content['unit'])}", f'write unit = "{unit}"')
    if not is_line_of_text(content.get("source", "-")):
        yield Problem("source", "is not a line of text", "say where the value is published")
    if has_node and not is_line_of_text(content.get(_NODE, "-")):
        yield Problem(_NODE, "is not a line of text", 'name the process, such as "45 nm"')
    year = content.get("year", _FIRST_YEAR)
    if not _is_whole(year) or not _FIRST_YEAR <= year <= _LAST_YEAR:
        yield Problem("year", f"is {shown(year)}", "give the source's year, such as 2018")
    known = [status.value for status in Status]
    if content.get("status", known[0]) not in known:
        yield Problem("status", f"is {shown(content['status'])}", f"use one of: {', '.join(known)}")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def is_whole_amount(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number from 1 on that a device can have of something."""
    return _is_whole(value) and 1 <= value <= LARGEST


def _is_amount(value: object, is_whole: bool) -> TypeGuard[float]:
    """Whether it is a number in range; one that is not finite is in none."""
    return is_whole_amount(value) or (not is_whole and isinstance(value, float) and 0 < value <= LARGEST)


def shown(value: object) -> str:
    """Repeat a wrong value in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
