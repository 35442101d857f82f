"""Reading .tar.gz archives, with errors that name them."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from msc.ir.files import open_limited
from msc.search.data import DataError
from msc.search.data.checksums import LIMIT_BYTES

_BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)


@contextmanager
def open_tar(path: Path) -> Generator[tarfile.TarFile]:
    """Open an archive; what is broken in it while it is open becomes a DataError that names it."""
    with open_limited(path, LIMIT_BYTES, "data file") as (file, _):
        try:
            with tarfile.open(fileobj=file, mode="r:gz") as archive:
                yield archive
        except _BROKEN as error:
            told = " ".join(str(error).split())[:80] or type(error).__name__
            what = f"is a broken .tar.gz archive ({told})"
            raise DataError.of(str(path), what, "remove it and get it again") from error
