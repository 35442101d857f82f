"""Reads decoded JSON field by field, collecting what is wrong instead of stopping at the first."""

from __future__ import annotations

import re
from math import isfinite
from typing import TypeGuard, TypeVar, cast

from msc.ir.errors import Problem

T = TypeVar("T", str, int)
_SHOWN = 40  # characters of a wrong value that a message repeats
_LISTED = 20  # unknown fields of one object that are told one by one


class Reader:
    """One JSON object; every method returns a usable value and notes a problem where the field is wrong."""

    def __init__(
        self, data: object, where: str, path: str = "", problems: list[Problem] | None = None
    ) -> None:
        self.problems: list[Problem] = [] if problems is None else problems
        self._where = where
        self._path = path
        self._used: set[str] = set()
        self.given = isinstance(data, dict)
        self._data = cast("dict[str, object]", data) if isinstance(data, dict) else {}
        if not self.given:
            self.wrong("", f"is {_kind(data)}, an object is needed", "write { ... }")

    def wrong(self, name: str, what: str, fix: str) -> None:
        """Note a problem of the field `name` ("" for the object itself)."""
        path = f"{self._path}.{name}" if self._path and name else self._path or name
        self.problems.append(Problem(f"{self._where}, {path}" if path else self._where, what, fix))

    def sound(self, path: str) -> bool:
        """Whether no problem was noted so far with the field at this path of the file or its entries."""
        place = re.compile(re.escape(f"{self._where}, {path}") + r"(\[\d+\])?")
        return not any(place.fullmatch(problem.where) for problem in self.problems)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._data

    def child(self, name: str) -> Reader:
        """Read a field that is an object."""
        path = f"{self._path}.{name}" if self._path else name
        return Reader(self._take(name, {}), self._where, path, self.problems)

    def children(self, name: str, most: int) -> list[Reader]:
        """Read a field that is a list of objects."""
        path = f"{self._path}.{name}" if self._path else name
        items = self._list(name, 0, most)
        return [Reader(item, self._where, f"{path}[{i}]", self.problems) for i, item in enumerate(items)]

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """Read an integer in low..high; without `default` it must be there."""
        value = self._take(name, low if default is None else default, default is None)
        return self._ranged(name, value, low, high)

    def integers(
        self, name: str, fewest: int, most: int, low: int, high: int, meaning: str = ""
    ) -> tuple[int, ...]:
        """Read a list of integers, each in low..high; `meaning` explains the values in errors."""
        items = self._list(name, fewest, most)
        return tuple(self._ranged(f"{name}[{i}]", item, low, high, meaning) for i, item in enumerate(items))

    def rows(self, name: str, size: int, low: int, high: int, meaning: str) -> tuple[tuple[int, ...], ...]:
        """Read a square matrix of integers."""
        rows: list[tuple[int, ...]] = []
        for i, row in enumerate(self._list(name, size, size)):
            if not isinstance(row, list) or len(cast("list[object]", row)) != size:
                self.wrong(
                    f"{name}[{i}]", f"is {_kind(row)}, not a list of {size} entries", f"give {size} integers"
                )
                row = [low] * size
            items = cast("list[object]", row)
            rows.append(
                tuple(self._ranged(f"{name}[{i}][{j}]", v, low, high, meaning) for j, v in enumerate(items))
            )
        return tuple(rows)

    def number(self, name: str, low: float, high: float, default: float, above: bool = False) -> float:
        """Read a finite number in low..high (above low if `above`)."""
        value = self._take(name, default, False)
        number = float(value) if _is_number(value) and abs(value) < 1e300 else float("nan")
        if not isfinite(number) or not low <= number <= high or (above and number == low):
            span = f"above {low:g}" if above else f"at least {low:g}"
            self.wrong(name, f"is {_shown(value)}", f"give a number {span} and at most {high:g}")
            return default
        return number

    def choice(self, name: str, options: tuple[T, ...], default: T | None = None) -> T:
        """Read one of some values."""
        first = next(iter(options))
        value = self._take(name, first if default is None else default, default is None)
        if type(value) is not type(first) or value not in options:
            listed = ", ".join(str(option) for option in options)
            self.wrong(name, f"is {_shown(value)}", f"use {'one of: ' if len(options) > 1 else ''}{listed}")
            return first
        return cast(T, value)

    def finish(self) -> None:
        """Note every field that nothing has read (of very many, the first ones and how many there are)."""
        unknown = sorted(set(self._data) - self._used)
        known = ", ".join(sorted(self._used))
        for name in unknown[:_LISTED]:
            shown = repr(name[:_SHOWN])
            plain = shown[1:-1] if name else shown
            self.wrong(plain, "is an unknown field", f"remove it; known here: {known}")
        if len(unknown) > _LISTED:
            self.wrong("", f"has {len(unknown)} unknown fields in all", f"remove them; known here: {known}")

    def _take(self, name: str, default: object, required: bool = True) -> object:
        self._used.add(name)
        if name not in self._data:
            if required and self.given:
                self.wrong(name, "is missing", "add it")
            return default
        return self._data[name]

    def _list(self, name: str, fewest: int, most: int) -> list[object]:
        value = self._take(name, None)
        if value is None and not self.has(name):
            return []
        if not isinstance(value, list):
            self.wrong(name, f"is {_kind(value)}, not a list", "write [ ... ]")
            return []
        items = cast("list[object]", value)
        if not fewest <= len(items) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            self.wrong(name, f"has {len(items)} entries", f"give {wanted}")
            return items[:most] if len(items) > most and most < 64 else []
        return items

    def _ranged(self, name: str, value: object, low: int, high: int, meaning: str = "") -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(name, f"is {_shown(value)}", meaning or f"give an integer from {low} to {high}")
            return low
        return value


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**18:
        return "an integer of more than 18 digits"
    text = repr(value) if not isinstance(value, dict | list) else _kind(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
