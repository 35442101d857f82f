"""Reads TOML files that come with msc or that users write: found by name or path, decoded, keys checked."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import TypeGuard

from msc.ir.errors import MscError, Problem, with_article
from msc.ir.files import read_limited

LIMIT_BYTES = 1 << 14  # tomllib takes seconds for a key of tens of thousands of dots
ENDING = ".toml"
_LISTED = 20  # unknown keys that are told one by one
_SHOWN = 40  # characters of an unknown key that a message repeats


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it is called, its format and version, its error, and where those of msc lie."""

    what: str
    format: str
    version: int
    error: type[MscError]
    package: str
    folder: str = "profiles"

    def names(self) -> tuple[str, ...]:
        """List the files that come with msc, without their endings."""
        found = (PurePath(file.name) for file in self._shipped().iterdir())
        return tuple(sorted(path.stem for path in found if path.suffix == ENDING))

    def find(self, name_or_path: str) -> tuple[bytes, str, str]:
        """Read the file that comes with msc by its name, or the one at a path that ends in .toml.

        Returns its bytes, its name, and how errors name it. Raises the kind's error naming the files there
        are, or FileError.
        """
        if name_or_path in self.names():
            data = self._shipped().joinpath(name_or_path + ENDING).read_bytes()
            return data, name_or_path, f"{self.what} {name_or_path}"
        if name_or_path.endswith(ENDING):
            data = read_limited(name_or_path, LIMIT_BYTES, self.what)
            return data, PurePath(name_or_path).stem, name_or_path
        raise self.error.of(
            f"{self.what} {name_or_path}",
            f"there is no such {self.what}",
            f"use one of: {', '.join(self.names())}, or the path of a {ENDING} file",
        )

    def decode(self, data: bytes, where: str) -> dict[str, object]:
        """Decode a file's bytes and check that it is of this format and version; raises the kind's error."""
        content = self._decoded(data, where)
        for key, known in (("format", self.format), ("version", self.version)):
            found = content.get(key)
            if found != known or isinstance(found, bool):
                what = f"is {repr(found)[:_SHOWN]}, not {known!r}" if key in content else "is missing"
                raise self.error.of(f"{where}, {key}", what, f"write {key} = {known!r}".replace("'", '"'))
        return content

    def _decoded(self, data: bytes, where: str) -> dict[str, object]:
        fix = f"give {with_article(self.what)} (TOML)"
        if len(data) > LIMIT_BYTES:
            what = f"is larger than {LIMIT_BYTES} bytes, the limit for {with_article(self.what)}"
            raise self.error.of(where, what, fix)
        try:
            return tomllib.loads(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise self.error.of(where, f"is not UTF-8 text (byte {error.start})", fix) from error
        except RecursionError as error:
            raise self.error.of(where, "is nested too deeply", fix) from error
        except ValueError as error:  # TOMLDecodeError is one, an integer of thousands of digits another
            raise self.error.of(where, f"is not TOML: {error}", "repair the file") from error

    def _shipped(self) -> Traversable:
        return files(self.package).joinpath(self.folder)


def hashed(data: bytes) -> str:
    """Hash a file's bytes: two files of one hash are the same."""
    return hashlib.sha256(data).hexdigest()


def unknown_keys(content: Mapping[str, object], known: tuple[str, ...], inside: str) -> Iterator[Problem]:
    """List the keys of a table that are not known there; `inside` goes before them ("my.toml, limits.")."""
    for key in sorted(set(content) - set(known))[:_LISTED]:
        shown = repr(key[:_SHOWN])[1:-1]
        yield Problem(inside + shown, "is an unknown key", f"remove it; known here: {', '.join(known)}")


def line_of_text(content: Mapping[str, object], key: str, inside: str) -> tuple[str, list[Problem]]:
    """Read a line of text that must be there; empty beside a problem where it is none."""
    value = content.get(key)
    if is_line_of_text(value):
        return value, []
    what = "is missing" if value is None else "is not a line of text"
    return "", [Problem(inside + key, what, f'write {key} = "..."')]


def is_line_of_text(value: object) -> TypeGuard[str]:
    """Whether a value is text that can be printed on one line, and says something."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()
