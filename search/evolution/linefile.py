"""Files of lines that only grow: every line is written whole, and outlives a kill."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from msc.ir.files import FileError, open_limited

LIMIT_BYTES = 2_000_000_000
LINE_LIMIT_BYTES = 16_000_000
RESUME = "free some space, then add --resume to go on"
_PERMISSIONS = "change the permissions or choose another folder"
_FIXES = {
    errno.ENOSPC: RESUME,
    errno.EDQUOT: RESUME,
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), then add --resume to go on",
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "choose a folder on a writable device",
    errno.ENOENT: "create the folder it lies in first, or choose another one",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_TAIL_BYTES = 65_536


def encode(content: Mapping[str, Any]) -> bytes:
    """Encode one line: strict JSON without spaces, in the order of the keys, and a newline."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_lines(path: Path, what: str) -> Iterator[bytes]:
    """Read lines one by one, each with its newline; a torn last one has none.

    Raises FileError where the file is larger than `LIMIT_BYTES` or a line longer than `LINE_LIMIT_BYTES`.
    """
    with open_limited(path, LIMIT_BYTES, what) as (file, _):
        number = 0
        while line := file.readline(LINE_LIMIT_BYTES + 1):
            number += 1
            if len(line) > LINE_LIMIT_BYTES:
                fix = "restore the file from a copy, or choose another folder"
                raise FileError.of(f"{path}, line {number}", f"is longer than {LINE_LIMIT_BYTES} bytes", fix)
            yield line


class LineFile:
    """A file of lines that one process at a time appends to.

    `durable` lines are on the device once `append` returns. What a failed write leaves is cut off again, so
    the file ends with a whole line unless the process is killed in the middle.
    """

    def __init__(self, path: Path, durable: bool) -> None:
        self.path = path
        self._durable = durable
        with explained(path, "open the file"):
            # Opened to read too, as some file systems lock for writing only what may be read.
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._size = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def lock(self) -> bool:
        """Keep other processes from locking the file, until it is closed or the process ends.

        False where another one has it.
        """
        with explained(self.path, "lock the file"):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._size = os.fstat(self._descriptor).st_size  # another one may have written until now
        return True

    def append(self, line: bytes) -> None:
        """Add a line that ends with a newline, or nothing; raises FileError."""
        if len(line) > LINE_LIMIT_BYTES:
            fix = "search with a smaller population"
            raise FileError.of(str(self.path), f"a line would be longer than {LINE_LIMIT_BYTES} bytes", fix)
        with explained(self.path, "write the file"):
            try:
                self._write(line)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise
            self._size += len(line)

    def cut(self, size: int) -> None:
        """Drop all bytes beyond `size`."""
        with explained(self.path, "write the file"):
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
            self._size = size

    def cut_torn(self) -> None:
        """Drop a torn last line, of a file of short lines."""
        with explained(self.path, "read the file"):
            tail = os.pread(self._descriptor, _TAIL_BYTES, max(0, self._size - _TAIL_BYTES))
        whole = self._size - len(tail) + tail.rfind(b"\n") + 1
        if whole < self._size:
            self.cut(whole)

    def close(self) -> None:
        """Close the file, and with it end the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        if self._durable:
            os.fsync(self._descriptor)


@contextmanager
def explained(path: Path, action: str) -> Generator[None]:
    """Turn an OSError into a FileError that says what failed, why, and what to do.

    A full disk loses nothing of a search: `--resume` goes on once there is space.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        fix = _FIXES.get(error.errno or 0, "choose another folder")
        raise FileError.of(str(path), f"cannot {action} ({reason})", fix) from error
