"""Reading and writing files whole or not at all, with errors a person can act on."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from msc.ir.errors import MscError, with_article

_FIXES = {
    errno.ENOENT: "create the folder first or choose another path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "name a file, not a folder",
    errno.EACCES: "change the permissions or choose another path",
    errno.EPERM: "change the permissions or choose another path",
    errno.EROFS: "choose a path on a writable device",
    errno.ENOSPC: "free some space or choose another device",
    errno.EDQUOT: "free some space or choose another device",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) or choose another device",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class FileError(MscError):
    """A file or folder cannot be read or written."""


def read_limited(path: str | os.PathLike[str], limit_bytes: int, what: str) -> bytes:
    """Read a file of at most `limit_bytes` bytes.

    `what` names the kind of file in errors ("genome file"). Raises FileError where the file is missing,
    a folder, unreadable or larger than the limit; never holds more than the limit in memory.
    """
    with open_limited(path, limit_bytes, what) as (file, size):
        # A read prepares a buffer of the size it asks for: no more than the file has, if that is known.
        data = file.read(size + 1 if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else limit_bytes + 1)
    if len(data) > limit_bytes:
        raise _too_large(str(path), limit_bytes, what)
    return data


@contextmanager
def open_limited(
    path: str | os.PathLike[str], limit_bytes: int, what: str
) -> Generator[tuple[BinaryIO, int]]:
    """Open a file for reading in parts, with its size in bytes; raises FileError as `read_limited` does."""
    where = _checked(path)
    with (
        _explained(where, f"cannot read the {what}", {errno.ENOENT: "check the path"}),
        open(where, "rb") as file,
    ):
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise _too_large(where, limit_bytes, what)
        yield file, size


def _too_large(where: str, limit_bytes: int, what: str) -> FileError:
    return FileError.of(
        where,
        f"is larger than {limit_bytes} bytes, the limit for {with_article(what)}",
        "give a smaller file",
    )


def write_atomic(path: str | os.PathLike[str], data: bytes | bytearray | memoryview) -> None:
    """Write a file whole or not at all, replacing an existing one.

    The bytes go to a temporary file in the same folder, are flushed to the device, and take the file's
    name in one step; on any failure, an interrupt included, the old file stays and the temporary one goes.
    A link is followed; a device or a pipe (/dev/stdout) is written directly. Raises FileError.
    """
    where = _checked(path)
    final = Path(os.path.realpath(where))
    with _explained(where, "cannot write the file"):
        mode = _existing_mode(final)
        if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            with open(final, "wb", buffering=0) as device:
                _write_all(device.fileno(), data)
            return
        if mode is not None and (stat.S_ISDIR(mode) or not os.access(final, os.W_OK)):
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EACCES
            raise OSError(number, os.strerror(number))
        temporary = _sibling(final)
        try:
            _write_new(temporary, data, None if mode is None else stat.S_IMODE(mode))
            os.replace(temporary, final)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        flush_folder(final.parent)


def write_folder_atomic(
    folder: str | os.PathLike[str], files: Mapping[str, bytes], force: bool = False
) -> None:
    """Write a folder of files (name, "/" allowed -> bytes) whole or not at all.

    A new folder is built beside its place and renamed into it. An existing one must be empty unless
    `force`: the files are built in a hidden folder inside it, then renamed into place; whatever they
    replace comes back if a step fails, and files of other names stay as they are. Raises FileError.
    """
    where = _checked(folder)
    final = Path(os.path.realpath(where))
    _check_names(files)
    with _explained(where, "cannot write the folder"):
        if not final.exists():
            _create_folder(final, files)
            return
        if not final.is_dir():
            raise FileError.of(where, "is a file, a folder is needed", "choose another path")
        if any(final.iterdir()) and not force:
            raise FileError.of(where, "the folder is not empty", "choose another one or add --force")
        _fill_folder(final, files)


def _create_folder(final: Path, files: Mapping[str, bytes]) -> None:
    staging = _sibling(final)
    try:
        _build(staging, files)
        os.rename(staging, final)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    flush_folder(final.parent)


def _fill_folder(final: Path, files: Mapping[str, bytes]) -> None:
    staging = final / f".msc-{secrets.token_hex(8)}"
    kept = staging / "replaced"
    entries = sorted({PurePosixPath(name).parts[0] for name in files})
    try:
        _build(staging / "new", files)
        kept.mkdir()
        for entry in entries:
            if (final / entry).is_dir() and not (staging / "new" / entry).is_dir():
                raise FileError.of(
                    str(final / entry), "is a folder, a file is needed", "remove it or choose another path"
                )
        try:
            for entry in entries:
                if os.path.lexists(final / entry):
                    os.rename(final / entry, kept / entry)
                os.rename(staging / "new" / entry, final / entry)
        except BaseException:
            _put_back(final, staging, entries)
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    flush_folder(final)


def _put_back(final: Path, staging: Path, entries: list[str]) -> None:
    """Undo the renames that happened, wherever the sequence was cut."""
    for entry in entries:
        if not os.path.lexists(staging / "new" / entry):
            os.rename(final / entry, staging / "new" / entry)
        if os.path.lexists(staging / "replaced" / entry):
            os.rename(staging / "replaced" / entry, final / entry)


def _build(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=folder.name == "new")
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, data, None)
    for inner in {(folder / name).parent for name in files} | {folder}:
        flush_folder(inner)


def _check_names(files: Mapping[str, bytes]) -> None:
    for name in files:
        if not name or PurePosixPath(name).is_absolute() or {"..", "."} & set(name.split("/")):
            raise ValueError(f"{name!r} is no path inside a folder")


def _checked(path: str | os.PathLike[str]) -> str:
    where = os.fspath(path)
    if not where or "\0" in where:
        raise FileError.of(repr(where), "is no path", "give the name of a file or folder")
    return where


@contextmanager
def _explained(where: str, action: str, fixes: Mapping[int, str] | None = None) -> Generator[None]:
    """Turn an OSError into a FileError that says what failed, why, and what to do."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        reason = (error.strerror or str(error)).lower()
        fix = {**_FIXES, **(fixes or {})}.get(number, "choose another path")
        raise FileError.of(where, f"{action} ({reason})", fix) from error


def _existing_mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _sibling(path: Path) -> Path:
    return path.parent / f".msc-{secrets.token_hex(8)}.tmp"


def _write_new(path: Path, data: bytes | bytearray | memoryview, mode: int | None) -> None:
    """Create a file, write it and flush it to the device."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries; the names are already in place, so a device that cannot is no error."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
