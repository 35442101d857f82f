"""Rebuilds the tree of a NIR file from the messages of the process that reads it."""

from __future__ import annotations

import math
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.hdf5.structure import UNREADABLE
from msc.backends.nir.reading.hdf5.wire import receive
from msc.backends.nir.reading.raw import Value
from msc.ir.errors import Problem


class _Array:
    """An array that comes in blocks: one value as long as no other has come, in memory from then on."""

    def __init__(self, dtype: str, shape: list[int]) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = tuple(shape)
        self._value: NDArray[Any] | None = None
        self._values: NDArray[Any] | None = None
        self._missing = math.prod(shape)

    def fill(self, starts: list[int], counts: list[int], payload: bytes) -> None:
        """Take a block whose values are all equal."""
        value = np.frombuffer(payload, self._dtype)
        self._missing -= math.prod(counts)
        if self._values is None and (self._value is None or self._value.tobytes() == payload):
            self._value = value
            return
        self._memory()[_slices(starts, counts)] = value[0]

    def take(self, starts: list[int], counts: list[int], payload: bytes) -> None:
        """Take a block of differing values."""
        self._missing -= math.prod(counts)
        self._memory()[_slices(starts, counts)] = np.frombuffer(payload, self._dtype).reshape(counts)

    def _memory(self) -> NDArray[Any]:
        if self._values is None:
            self._values = np.empty(self._shape, self._dtype)
            if self._value is not None:
                self._values[...] = self._value[0]
        return self._values

    def whole(self) -> NDArray[Any] | None:
        """Return the array, read-only, once all has come."""
        if self._missing:
            return None
        if self._values is None and self._value is not None:
            return np.broadcast_to(self._value[0], self._shape)
        values = self._memory()
        values.flags.writeable = False
        return values


def _slices(starts: list[int], counts: list[int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + count) for start, count in zip(starts, counts, strict=True))


class Rebuilder:
    """Takes the messages one by one until it has `ended`; what has a problem is UNREADABLE in the tree.

    `place` says where the reading process was last, `complete` whether it got through the whole file.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._names: list[str] = []
        self._groups: list[dict[str, Value]] = [{}]
        self._array: tuple[str, _Array] | None = None
        self._at = ""
        self.problems: list[Problem] = []
        self.ended = False
        self.complete = False

    @property
    def place(self) -> str:
        """Where the reading process was last."""
        return self._path(self._at)

    @property
    def tree(self) -> Value:
        """The group `node` with all below it."""
        return self._groups[0]["node"]

    def _path(self, name: str) -> str:
        path = "/".join([*self._names, name])
        return f"{self._where}, /{path}" if path else self._where

    def take(self, stream: IO[bytes]) -> None:
        """Take the next message; raises BrokenMessageError where there is none."""
        header, payload = receive(stream)
        match header:
            case ["at", str(name)]:
                self._at = name
            case ["group", str(name)]:
                self._names.append(name)
                self._groups.append({})
            case ["end"]:
                group, self._at = self._groups.pop(), self._names.pop()
                self._groups[-1][self._at] = group
            case ["text", str(name), str(text)]:
                self._groups[-1][name] = text
            case ["texts", str(name), shape, texts]:
                array = np.empty(len(texts), object)
                array[:] = texts
                array.flags.writeable = False
                self._groups[-1][name] = array.reshape(shape)
            case ["array", str(name), dtype, shape]:
                self._array = (name, _Array(dtype, shape))
                self._store()
            case ["fill" | "data" as kind, starts, counts] if self._array is not None:
                array = self._array[1]
                (array.fill if kind == "fill" else array.take)(starts, counts, payload)
                self._store()
            case ["problem", str(name), str(what), str(fix)]:
                self._groups[-1][name] = UNREADABLE
                self.problems.append(Problem(self._path(name), what, fix))
            case ["done" | "enough" as ending]:
                self.complete = ending == "done"
                self.ended = True
            case _:
                raise AssertionError(header)

    def _store(self) -> None:
        """Put the array that is coming into its group, where it is complete."""
        assert self._array is not None
        name, array = self._array
        whole = array.whole()
        if whole is not None:
            self._groups[-1][name] = whole
            self._array = None
