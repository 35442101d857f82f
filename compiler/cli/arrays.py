"""Reading a numpy array file that somebody else made: checked before it is believed."""

from __future__ import annotations

import ast
import re
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import MscError
from msc.ir.files import read_limited

LIMIT_BYTES = 1 << 30
HEADER_LIMIT = 10_000
MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # of the header's length, by version of the format
FIELDS = {"descr", "fortran_order", "shape"}
_NUMERIC = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class ArrayError(MscError):
    """A file does not hold a numeric array that can be used as input."""


def read_array(path: str) -> NDArray[Any]:
    """Read a .npy file of plain numbers (booleans, integers, floats); never unpickles.

    The header's claims are compared with the bytes that follow before memory is taken for them. Raises
    FileError or ArrayError.
    """
    data = read_limited(path, LIMIT_BYTES, "input array")
    shape, fortran, dtype, start = _header(path, data)
    expected, found = prod(shape) * dtype.itemsize, len(data) - start
    if expected != found:
        raise ArrayError.of(
            path,
            f"holds {found} bytes of data, shape {list(shape)} of {dtype} needs {expected}",
            "save the array again",
        )
    flat = np.frombuffer(data, dtype, count=prod(shape), offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(path: str, data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Read a .npy header: shape, order, dtype and where the data start."""
    if data[:6] != MAGIC:
        what = "is an .npz archive" if data[:2] == b"PK" else "is no .npy file"
        raise ArrayError.of(path, what, "save one array with numpy.save")
    version = (data[6], data[7]) if len(data) > 7 else (0, 0)
    if version not in LENGTH_BYTES:
        found = ".".join(map(str, version))
        raise ArrayError.of(
            path, f"is of .npy version {found}, 1.0 to 3.0 are read", "save it with numpy.save"
        )
    start = 8 + LENGTH_BYTES[version]
    end = start + int.from_bytes(data[8:start], "little")
    if end > min(len(data), start + HEADER_LIMIT):
        raise ArrayError.of(path, "its .npy header is longer than it can be", "save the array again")
    header = _literal(data[start:end])
    if header is None:
        raise ArrayError.of(path, "has a broken .npy header", "save the array again")
    shape, fortran, kind = header
    if not _NUMERIC.fullmatch(kind):
        raise ArrayError.of(path, f"dtype {_told(kind)} is not numeric", "save it as float32 or uint8")
    return shape, fortran, np.dtype(kind), end


def _literal(text: bytes) -> tuple[tuple[int, ...], bool, str] | None:
    """Read the header's text, a Python dictionary of plain values; None where it is anything else."""
    try:
        fields: Any = ast.literal_eval(text.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    if not isinstance(fields, dict) or set(cast(dict[Any, Any], fields)) != FIELDS:
        return None
    shape, fortran, kind = (
        cast(dict[str, Any], fields)[name] for name in ("shape", "fortran_order", "descr")
    )
    if not isinstance(shape, tuple) or not isinstance(fortran, bool):
        return None
    if not all(type(size) is int and size >= 0 for size in cast(tuple[Any, ...], shape)):
        return None
    return cast(tuple[int, ...], shape), fortran, kind if isinstance(kind, str) else repr(kind)


def _told(kind: str) -> str:
    return "object" if kind.endswith("O") else kind[:40]
