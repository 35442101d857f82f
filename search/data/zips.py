"""Reading members of .zip archives, with errors that name archive and member."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from msc.ir.files import open_limited
from msc.search.data import DataError
from msc.search.data.checksums import LIMIT_BYTES

_BROKEN = (
    zipfile.BadZipFile,
    RuntimeError,  # encrypted, or packed in a way that zipfile does not know
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
)


@contextmanager
def open_zip(path: Path) -> Generator[zipfile.ZipFile]:
    """Open an archive; what is broken in it while it is open becomes a DataError that names it."""
    try:
        with open_limited(path, LIMIT_BYTES, "data file") as (file, _), zipfile.ZipFile(file) as archive:
            yield archive
    except _BROKEN as error:
        told = " ".join(str(error).split())[:80] or type(error).__name__
        what = f"is a broken .zip archive ({told})"
        raise DataError.of(str(path), what, "remove it and get it again") from error


def read_member(path: Path, archive: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    """Read one member of at most `limit_bytes`."""
    size = archive.getinfo(name).file_size
    if size > limit_bytes:
        what = f"is larger than {limit_bytes} bytes, the limit for a recording"
        raise DataError.of(f"{path}, {name}", what, "remove the archive and get it again")
    return archive.read(name)
