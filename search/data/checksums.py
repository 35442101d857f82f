"""Checksums of data files: compared once, and remembered while a file stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from contextlib import suppress
from pathlib import Path

from msc.compiler.cache import cache_folder
from msc.ir.files import FileError, open_limited, read_limited, write_atomic
from msc.search.data import DataError
from msc.search.data.places import DataFile

LIMIT_BYTES = 1 << 34  # far above every archive that is published
_CHUNK_BYTES = 1 << 20
_MARK_BYTES = 1 << 14
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class RunningMd5:
    """The MD5 of a file that comes in parts; of one that is told unpacked, of what its .gz unpacks to."""

    def __init__(self, file: DataFile) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)
        self._unpacker = zlib.decompressobj(_GZIP_WINDOW) if file.unpacked else None

    def update(self, part: bytes) -> None:
        """Take the next part; raises zlib.error where it is of no .gz file and should be."""
        if self._unpacker is None:
            self._digest.update(part)
            return
        while part:
            if self._unpacker.eof:  # a .gz file may be several behind each other
                self._unpacker = zlib.decompressobj(_GZIP_WINDOW)
            self._digest.update(self._unpacker.decompress(part, _CHUNK_BYTES))
            part = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def hexdigest(self) -> str:
        """Return the MD5; raises zlib.error where the .gz file is cut off."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise zlib.error("cut off")
        return self._digest.hexdigest()


def verify(path: Path, file: DataFile) -> None:
    """Refuse a file whose MD5 is not the published one.

    That a file passed is remembered in the cache by its place, size and time of change; one that is still
    so is not read again. Raises FileError, or DataError with both checksums.
    """
    stat = os.stat(path)
    mark = _mark(path)
    stamp = json.dumps([str(path.resolve()), stat.st_size, stat.st_mtime_ns, file.md5]).encode()
    if _remembered(mark) == stamp:
        return
    compare(path, file, _md5_of(path), stat.st_size)
    with suppress(OSError, FileError):  # a cache that cannot be written costs time, nothing else
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(mark, stamp)


def compare(path: Path, file: DataFile, found: str, size: int) -> None:
    """Raise DataError where the MD5 found is not the published one."""
    if found != file.md5:
        what = f"is damaged or another file: the MD5 of its {size} bytes is {found}, {file.md5} is expected"
        raise DataError.of(str(path), what, f"remove it and run: {file.command(path.parent)}")


def _mark(path: Path) -> Path:
    """The file that says what passed at this place."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return cache_folder() / "checked" / f"{name}.json"


def _remembered(mark: Path) -> bytes | None:
    with suppress(OSError, FileError):
        return read_limited(mark, _MARK_BYTES, "checksum note")
    return None


def _md5_of(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open_limited(path, LIMIT_BYTES, "data file") as (file, _):
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
