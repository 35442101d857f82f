"""Reading an .npz archive that somebody else made: what it claims is checked before memory is taken."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from math import prod
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from msc.ir.errors import Problem, raise_all
from msc.ir.files import open_limited
from msc.search.data import DataError

LIMIT_BYTES = 1 << 31  # of the file, and of its arrays together as float32
_HEADER_LIMIT = 10_000
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_BROKEN = (
    zipfile.BadZipFile,
    RuntimeError,  # encrypted, or packed in a way that zipfile does not know
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
)
_BAD_HEADER = (ValueError, SyntaxError, TypeError, TokenError, RecursionError, MemoryError)


def read_archive(path: str, needed: Sequence[str], optional: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read the named arrays of plain numbers; never unpickles, and unpacks no more than the limit.

    Raises FileError, or DataError listing arrays that are missing, unknown, too large or no numbers.
    """
    with open_limited(path, LIMIT_BYTES, "data file") as (file, _), _explained(path):
        if file.read(2) != b"PK":
            raise DataError.of(path, "is no .npz archive", "save the arrays with numpy.savez")
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_names(path, [member.filename for member in members], needed, optional)
            _check_sizes(path, members)
            return {_array_name(member.filename): _read(path, archive, member) for member in members}


@contextmanager
def _explained(path: str) -> Generator[None]:
    try:
        yield
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the device's, not the archive's
        reason = error.strerror if isinstance(error, OSError) else str(error)
        told = " ".join((reason or type(error).__name__).split())[:80]
        what = f"is a broken .npz archive ({told})"
        raise DataError.of(path, what, "save it again with numpy.savez") from error


def _array_name(member: str) -> str:
    return member.removesuffix(".npy")


def _check_names(path: str, members: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> None:
    names = [_array_name(member) for member in members]
    known = (*needed, *optional)
    problems = [
        Problem(f"{path}, {name}", "is missing", f"save the arrays {', '.join(needed)} with numpy.savez")
        for name in needed
        if name not in names
    ]
    for name in dict.fromkeys(names):
        if name not in known:
            what = f"{name[:40]!r} is no array of a data set"
            problems.append(Problem(path, what, f"leave it out; known are: {', '.join(known)}"))
        elif names.count(name) > 1:
            problems.append(Problem(f"{path}, {name}", "is there twice", "save it once"))
    raise_all(DataError, problems)


def _check_sizes(path: str, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what would unpack to more than the limit: a few bytes of zip can claim any size."""
    size = sum(member.file_size for member in members)
    if size > LIMIT_BYTES:
        what = f"unpacks to {size} bytes, more than {LIMIT_BYTES}, the limit for a data set"
        raise DataError.of(path, what, "give fewer or smaller samples")


def _read(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    where = f"{path}, {_array_name(member.filename)}"
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(where, stream)
        needs, holds = prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if needs != holds:
            what = f"holds {holds} bytes of data, shape {list(shape)} of {dtype} needs {needs}"
            raise DataError.of(where, what, "save it again with numpy.savez")
        if prod(shape) * 4 > LIMIT_BYTES:
            what = f"holds {prod(shape)} values, more than {LIMIT_BYTES // 4}"
            raise DataError.of(where, what, "give fewer or smaller samples")
        data = stream.read(needs)
    if len(data) != needs:
        raise DataError.of(where, "ends before all of its data", "save it again with numpy.savez")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _header(where: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read a .npy header: shape, order and a dtype of plain numbers."""
    try:
        version = npy.read_magic(stream)
        if version not in _READERS:
            raise ValueError(f"version {version[0]}.{version[1]} of the .npy format")
        shape, fortran, dtype = _READERS[version](stream, max_header_size=_HEADER_LIMIT)
    except _BAD_HEADER as error:
        told = " ".join(str(error).split())[:80]
        raise DataError.of(where, f"is no .npy array ({told})", "save it again with numpy.savez") from error
    if dtype.kind not in "biuf":
        raise DataError.of(where, f"dtype {dtype} is not numeric", "save it as float32 or as integers")
    if any(size < 0 for size in shape):
        raise DataError.of(where, f"claims shape {list(shape)}", "save it again with numpy.savez")
    return shape, fortran, dtype
