"""Integer arrays as the bytes of a .npz file, the same for the same arrays, and back without trust."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.ops import Shape

MAX_ENTRIES = 50_000
DTYPES = ("|u1", "<i2", "<i4")  # the first that holds an array's values is taken
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CORRUPT = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError)
_AGAIN = "compile the genome again"


class ArraysError(MscError):
    """A file holds no integer arrays, or others than it should."""


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays of integers, of any dtype that holds them, each in the smallest of `DTYPES`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            with archive.open(info, "w") as entry:
                array = np.ascontiguousarray(_smallest(name, arrays[name]))
                np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def unpack(where: str, data: bytes, shapes: Mapping[str, Shape]) -> dict[str, NDArray[np.float32]]:
    """Read the arrays that `shapes` names, as float32; an entry is only read if it has the size it should.

    Raises ArraysError, `where` in front, listing every entry that is missing, unknown or something else.
    """
    end = data.rfind(b"PK\x05\x06")
    if end < 0 or len(data) < end + 22 or int.from_bytes(data[end + 10 : end + 12], "little") > MAX_ENTRIES:
        raise ArraysError.of(where, "is no .npz file, or a damaged one", _AGAIN)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            raise_all(ArraysError, _strangers(where, set(shapes), set(entries)))
            return {name: _read(where, name, archive, entries[name], shapes[name]) for name in shapes}
    except _CORRUPT as error:
        raise ArraysError.of(where, f"is no .npz file, or a damaged one ({error})", _AGAIN) from error


def _strangers(where: str, expected: set[str], found: set[str]) -> Iterator[Problem]:
    for name in sorted(expected - found):
        yield Problem(where, f"holds no array {name}", _AGAIN)
    for name in sorted(found - expected):
        yield Problem(where, f"holds an array {name!r} that belongs to no part of the network", _AGAIN)


def _smallest(name: str, array: NDArray[Any]) -> NDArray[Any]:
    for dtype in DTYPES:
        limits = np.iinfo(dtype)
        if limits.min <= array.min(initial=0) and array.max(initial=0) <= limits.max:
            stored = array.astype(dtype)
            assert np.array_equal(stored, array), f"{name} holds values that are no integers"
            return stored
    raise AssertionError(f"{name} holds values that need more than 32 bits")


def _read(
    where: str, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: Shape
) -> NDArray[np.float32]:
    values = int(np.prod(shape, dtype=object))
    if info.file_size > 4 * values + 10_000 or info.compress_size > info.file_size + 100:
        raise ArraysError.of(where, f"array {name} is larger than its part of the network", _AGAIN)
    stream = io.BytesIO(archive.read(info))
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        found, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except ValueError as error:
        raise ArraysError.of(where, f"array {name} has no header of .npy 1.0", _AGAIN) from error
    rest = stream.getbuffer()[stream.tell() :]
    if fortran or dtype.str not in DTYPES:
        raise ArraysError.of(where, f"array {name} holds {dtype}, not rows of integers", _AGAIN)
    if found != shape or len(rest) != values * dtype.itemsize:
        what = f"array {name} has shape {list(found)} and {len(rest)} bytes, shape {list(shape)} is needed"
        raise ArraysError.of(where, what, _AGAIN)
    return np.frombuffer(rest, dtype).reshape(shape).astype(np.float32)
