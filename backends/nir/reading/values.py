"""The fields of a NIR node, checked: numbers, pairs and arrays, or problems that say what else they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.raw import RawNode
from msc.ir.errors import Problem
from msc.ir.network import Array
from msc.ir.ops import Shape

LARGEST_SIGNAL = 2**24  # values of one signal
LARGEST_FILLED = 2**26  # values of an array that a file only declares, being all equal
_SMALL = 2**16


def compact(array: NDArray[Any]) -> NDArray[Any]:
    """Drop the repetitions of an array that repeats one value along some axes without storing it."""
    return array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]


@dataclass
class Fields:
    """Reads the fields of one node; what is wrong with them is added to `problems`.

    A method that finds something wrong returns None.
    """

    name: str
    node: RawNode
    problems: list[Problem]

    def wrong(self, what: str, fix: str) -> None:
        """Add a problem of this node."""
        self.problems.append(Problem(f"node {self.name}", what, fix))

    def has(self, key: str) -> bool:
        """Whether the file gives the field."""
        return key in self.node.fields

    def numbers(self, key: str) -> NDArray[Any] | None:
        """Return a numeric array."""
        value = self.node.fields.get(key)
        if value is None:
            self.wrong(f"{self.node.kind} without {key}", f"export it with {key}")
        elif not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            self.wrong(f"{key} is no array of numbers", "export the network again")
        elif not value.size:
            self.wrong(f"{key} is empty", "export the network again")
        elif not np.isfinite(compact(value)).all():
            self.wrong(f"{key} holds values that are not finite", "repair or retrain the network")
        else:
            return value
        return None

    def floats(self, key: str, ranks: Sequence[int]) -> Array | None:
        """Return an array of one of the ranks as float32."""
        value = self.numbers(key)
        if value is None:
            return None
        if value.ndim not in ranks:
            axes = " or ".join(str(rank) for rank in ranks)
            self.wrong(f"{key} has shape {list(value.shape)}, not {axes} axes", "export the network again")
            return None
        if value.size > LARGEST_FILLED and compact(value).size < value.size:
            self.wrong(
                f"{key} of shape {list(value.shape)} only repeats values", f"give at most {LARGEST_FILLED}"
            )
            return None
        with np.errstate(over="ignore"):
            rounded = compact(value).astype(np.float32)
        if not np.isfinite(rounded).all():
            self.wrong(f"{key} holds values beyond float32", "scale the network")
            return None
        if rounded.shape == value.shape:
            return rounded
        filled = np.broadcast_to(rounded, value.shape)  # takes no memory
        return filled.copy() if value.size <= _SMALL else filled

    def uniform(self, key: str, default: float | None = None) -> float | None:
        """Return the one value that an array repeats, as a float; `default` where the field is missing."""
        if default is not None and not self.has(key):
            return default
        value = self.numbers(key)
        if value is None:
            return None
        distinct = compact(value)
        least, most = distinct.min(), distinct.max()
        if least != most:
            self.wrong(
                f"{key} varies inside the population, from {least:.9g} to {most:.9g}",
                "msc has one value per population: export one population for each value",
            )
            return None
        return float(least)

    def whole(self, key: str, count: int, lowest: int, default: int | None = None) -> Shape | None:
        """Return `count` whole numbers of at least `lowest`; one number stands for all of them."""
        if default is not None and not self.has(key):
            return (default,) * count
        value = self.numbers(key)
        if value is None:
            return None
        flat = compact(value).ravel()
        if value.size not in (1, count) or (flat % 1 != 0).any() or (flat < lowest).any():
            plural = f"{count} whole numbers" if count > 1 else "one whole number"
            self.wrong(f"{key} is {_shown(value)}, not {plural} of at least {lowest}", "export it again")
            return None
        numbers = [int(number) for number in value.ravel()]
        return tuple(numbers if len(numbers) == count else numbers * count)

    def shape(self, key: str) -> Shape | None:
        """Return the shape of a signal."""
        value = self.numbers(key)
        if value is None:
            return None
        flat = value.ravel()[:9]
        if value.ndim > 1 or value.size > 8 or (flat % 1 != 0).any() or (flat < 1).any():
            self.wrong(f"{key} is {_shown(value)}, no shape of a signal", "export the network again")
            return None
        shape = tuple(int(number) for number in flat)
        return shape if self.fits(shape) else None

    def fits(self, shape: Shape) -> bool:
        """Whether a signal of this shape is small enough to be computed; else a problem."""
        if float(np.prod([float(n) for n in shape])) <= LARGEST_SIGNAL:
            return True
        self.wrong(f"a signal of shape {list(shape)}", f"msc computes at most {LARGEST_SIGNAL} values")
        return False

    def seconds_as_steps(self, key: str, dt: float) -> float | None:
        """Return a time constant in steps."""
        seconds = self.uniform(key)
        return None if seconds is None else in_steps(seconds, self._is_single(key), dt)

    def _is_single(self, key: str) -> bool:
        value = self.node.fields[key]
        return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.dtype.itemsize <= 4


def in_steps(seconds: float, single: bool, dt: float) -> float:
    """Divide a time by the step.

    A time in `single` precision stands for the steps of up to six digits that it was rounded from, if there
    are such (float32's 3e-4 over 1e-4 is 3), else the quotient is rounded to float32.
    """
    steps = seconds / dt
    if single and isfinite(steps):
        plain = float(f"{steps:.6g}")
        steps = plain if np.float32(plain * dt) == np.float32(seconds) else float(np.float32(steps))
    return 1.0 if 1 - 1e-6 < steps < 1 else steps


def _shown(value: NDArray[Any]) -> str:
    flat = value.ravel()
    numbers = ", ".join(f"{number:.9g}" for number in flat[:8])
    return f"[{numbers}{', ..' if value.size > 8 else ''}]" if value.ndim else numbers
