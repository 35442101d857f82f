"""Single values and words of the text form: shown for people, read back equal."""

from __future__ import annotations

import re
from enum import Enum
from math import isfinite
from typing import Any

import numpy as np

from msc.ir.neurons import as_float32
from msc.ir.ops import Pair

_WHOLE = re.compile(r"[0-9]{1,9}")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?")


class BadLineError(Exception):
    """What is wrong with one line, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def show(value: str | bool | float | Enum | tuple[int, ...]) -> str:
    """Show a value; a number in its shortest float32 form, or in float64 where float32 is not exact."""
    match value:
        case Enum():
            return str(value.value)
        case bool():
            return "yes" if value else "no"
        case float():
            shortest = str(np.float32(value))
            return shortest if as_float32(float(shortest)) == value else repr(value)
        case tuple():
            return "x".join(map(str, value))
        case _:
            return str(value)


def read_value(hint: Any, key: str, text: str) -> Any:
    """Read one value of the type `hint`; raises BadLineError."""
    if hint is str and text:
        return text
    if hint is bool and text in {"yes", "no"}:
        return text == "yes"
    if hint is int and _WHOLE.fullmatch(text):
        return int(text)
    if hint is float and _REAL.fullmatch(text) and isfinite(float(text)):
        return float(text)
    if isinstance(hint, type) and issubclass(hint, Enum) and text in {member.value for member in hint}:
        return hint(text)
    parts = text.split("x")
    if (
        hint in (Pair, tuple[int, ...])
        and all(map(_WHOLE.fullmatch, parts))
        and (hint != Pair or len(parts) == 2)
    ):
        return tuple(map(int, parts))
    raise BadLineError(f"{key} is {quoted(text)}", f"give {_expectation(hint)}")


def _expectation(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(member.value for member in hint)
    words: dict[Any, str] = {
        str: "a name",
        bool: "yes or no",
        int: "a whole number below 1000000000",
        float: "a finite decimal number",
        Pair: "two whole numbers, as in 3x3",
    }
    return words.get(hint, "whole numbers joined by x, as in 3x32x32")


def quoted(text: str) -> str:
    """Quote a word of the text for an error, cut to 40 characters."""
    return repr(text if len(text) <= 40 else text[:40] + "..")
