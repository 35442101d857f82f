"""Reading a numpy array file that somebody else made: checked before it is believed."""

from __future__ import annotations

import io
import os
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from msc.ir.errors import MscError
from msc.ir.files import read_limited

LIMIT_BYTES = 1 << 30
HEADER_LIMIT = 10_000


class ArrayError(MscError):
    """A file does not hold a numeric array that can be used as input."""


def read_array(path: str) -> NDArray[Any]:
    """Read a .npy file of plain numbers (booleans, integers, floats); never unpickles.

    The header's claims are compared with the bytes that follow before memory is taken for them. Raises
    FileError or ArrayError.
    """
    size = os.path.getsize(path) if os.path.isfile(path) else LIMIT_BYTES
    data = read_limited(path, min(size, LIMIT_BYTES), "input array")
    shape, fortran, dtype, start = _header(path, data)
    if dtype.kind not in "biuf":
        raise ArrayError.of(path, f"dtype {dtype} is not numeric", "save it as float32 or uint8")
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
    stream = io.BytesIO(data)
    if data[:6] != npy.MAGIC_PREFIX:
        what = "is an .npz archive" if data[:2] == b"PK" else "is no .npy file"
        raise ArrayError.of(path, what, "save one array with numpy.save")
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            header = npy.read_array_header_1_0(stream, max_header_size=HEADER_LIMIT)
        elif version == (2, 0):
            header = npy.read_array_header_2_0(stream, max_header_size=HEADER_LIMIT)
        else:
            raise ValueError(f"version {version[0]}.{version[1]} of the format, 1.0 or 2.0 are read")
    except (ValueError, SyntaxError, TypeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArrayError.of(path, f"has a broken .npy header ({reason})", "save the array again") from error
    return *header, stream.tell()
