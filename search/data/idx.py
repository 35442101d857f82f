"""MNIST's own file format, IDX: bytes behind a header of big-endian sizes, packed by gzip or not."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from msc.ir.files import open_limited
from msc.search.data import DataError
from msc.search.data.checksums import compare
from msc.search.data.places import DataFile

_UNSIGNED_BYTES = 0x08
_PACKED_LIMIT_BYTES = 1 << 30
_GZIP_MAGIC = b"\x1f\x8b"
_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)


def read_idx(path: Path, file: DataFile, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an array of bytes of a known shape; never takes memory for more than that.

    The format: two zero bytes, the type (8 for unsigned bytes), the number of axes, each axis's size as a
    big-endian 32-bit integer, the values. The MD5 is that of the unpacked file.
    Raises FileError, or DataError where it is cut off, too long, of another type or shape, or damaged.
    """
    with open_limited(path, _PACKED_LIMIT_BYTES, "data file") as (packed, _):
        is_packed = packed.read(2) == _GZIP_MAGIC
        packed.seek(0)
        if not is_packed:
            return _read(path, file, packed, shape)
        try:
            with gzip.open(packed) as unpacked:
                return _read(path, file, unpacked, shape)
        except _BROKEN as error:
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError.of(
                str(path), f"is a broken .gz file ({told[:80]})", _again(path, file)
            ) from error


def _read(
    path: Path, file: DataFile, stream: BinaryIO | gzip.GzipFile, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    expected = struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTES, len(shape), *shape)
    header = stream.read(len(expected))
    if header != expected:
        raise DataError.of(str(path), _told_header(header, shape), _again(path, file))
    values = stream.read(prod(shape))
    if len(values) != prod(shape):
        what = f"is cut off: it holds {len(values)} values, its header promises {prod(shape)}"
        raise DataError.of(str(path), what, _again(path, file))
    if stream.read(1):
        what = f"goes on after the {prod(shape)} values that its header promises"
        raise DataError.of(str(path), what, _again(path, file))
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(values)
    compare(path, file, digest.hexdigest(), len(header) + len(values))
    return np.frombuffer(values, np.uint8).reshape(shape)


def _told_header(header: bytes, shape: tuple[int, ...]) -> str:
    """Say what a header of another file says."""
    wanted = f"IDX bytes of shape {list(shape)} are expected"
    if len(header) < 4 or header[:3] != bytes((0, 0, _UNSIGNED_BYTES)):
        return f"is no IDX file of bytes: it begins with {header[:4].hex() or 'nothing'}, {wanted}"
    if header[3] != len(shape):
        return f"has {header[3]} axes, {wanted}"
    if len(header) < 4 + 4 * len(shape):
        return f"is cut off in its header, {wanted}"
    return f"has shape {list(struct.unpack(f'>{len(shape)}I', header[4:]))}, {wanted}"


def _again(path: Path, file: DataFile) -> str:
    return f"remove it and run: {file.command(path.parent)}"
