"""Profiles of chips: files that say what a core and a chip hold, and where every number comes from."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import cast

from msc.compiler.figures import Figure, read_figure
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import read_limited

FORMAT, VERSION = "msc.profile", 1
LIMIT_BYTES = 1 << 14  # tomllib takes seconds for a key of tens of thousands of dots
_ENDING = ".toml"
_KEYS = ("format", "version", "title", "limits")
_LISTED = 20  # unknown keys that are told one by one
_SHOWN = 40  # characters of an unknown key that a message repeats
_YES_OR_NO = "yes or no"

UNITS: Mapping[str, str] = {
    "cores_per_chip": "cores",
    "neurons_per_core": "neurons",
    "synaptic_memory_per_core": "bits",
    "input_axons_per_core": "axons",
    "output_axons_per_core": "axons",
    "thresholds_per_core": "thresholds",
    "weight_bits": "bits",
    "weight_sharing": _YES_OR_NO,
    "synaptic_delay": "steps",
    "decay_bits": "bits",
    "graded_spikes": _YES_OR_NO,
}
_NEEDED = ("cores_per_chip", "neurons_per_core", "weight_bits")


class ProfileError(MscError):
    """A profile does not exist, or a file is none."""


@dataclass(frozen=True)
class Profile:
    """What a chip holds: limits by name, those that nobody published left out.

    `sha256` is that of the file's bytes: two profiles of one hash are the same.
    """

    name: str
    title: str
    limits: Mapping[str, Figure]
    sha256: str

    def limit(self, name: str) -> int | None:
        """Give the value of a limit that is a number; None where it is not known."""
        assert UNITS[name] != _YES_OR_NO
        figure = self.limits.get(name)
        return None if figure is None else figure.value

    def has(self, name: str) -> bool:
        """Whether the chip is known to have something."""
        assert UNITS[name] == _YES_OR_NO
        figure = self.limits.get(name)
        return figure is not None and bool(figure.value)


def profile_names() -> tuple[str, ...]:
    """List the profiles that come with msc."""
    found = (PurePath(file.name) for file in _shipped().iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == _ENDING))


def load_profile(name_or_path: str) -> Profile:
    """Read a profile that comes with msc by its name, or the profile file at a path that ends in .toml.

    Raises ProfileError naming the profiles there are or listing all that is wrong in a file, or FileError.
    """
    if name_or_path in profile_names():
        data = _shipped().joinpath(name_or_path + _ENDING).read_bytes()
        return parse_profile(data, name_or_path, f"profile {name_or_path}")
    if name_or_path.endswith(_ENDING):
        data = read_limited(name_or_path, LIMIT_BYTES, "profile")
        return parse_profile(data, PurePath(name_or_path).stem, name_or_path)
    raise ProfileError.of(
        f"profile {name_or_path}",
        "there is no such profile",
        f"use one of: {', '.join(profile_names())}, or the path of a .toml file",
    )


def parse_profile(data: bytes, name: str, where: str) -> Profile:
    """Parse the bytes of a profile file; `where` names it in errors.

    Raises ProfileError with one problem per offender: TOML, format, version, unknown or missing keys, a
    limit without a unit, source, year or status, or with a value that is none.
    """
    content = _decoded(data, where)
    for key, known in (("format", FORMAT), ("version", VERSION)):
        if content.get(key) != known or isinstance(content.get(key), bool):
            what = "is missing" if key not in content else f"is not {known!r}"
            raise ProfileError.of(f"{where}, {key}", what, f"write {key} = {known!r}".replace("'", '"'))
    title, limits = content.get("title"), content.get("limits")
    problems = list(_unknown(content, _KEYS, where))
    if not isinstance(title, str) or not title.strip() or not title.isprintable():
        what = "is missing" if title is None else "is not a line of text"
        problems.append(Problem(f"{where}, title", what, 'write title = "..."'))
    if not isinstance(limits, dict):
        what = "is missing" if limits is None else "is not a table"
        problems.append(Problem(f"{where}, limits", what, "write [limits.NAME] for each limit"))
        limits = {}
    found = _limits(cast("dict[str, object]", limits), where, problems)
    raise_all(ProfileError, problems)
    return Profile(name, str(title), found, hashlib.sha256(data).hexdigest())


def _limits(tables: Mapping[str, object], where: str, problems: list[Problem]) -> dict[str, Figure]:
    problems += _unknown(tables, tuple(UNITS), f"{where}, limits")
    for name in _NEEDED:
        if name not in tables:
            what = "is missing, nothing can be placed without it"
            problems.append(Problem(f"{where}, limits.{name}", what, f"write [limits.{name}]"))
    found: dict[str, Figure] = {}
    for name, unit in UNITS.items():
        if name in tables:
            figure, wrong = read_figure(tables[name], unit, unit == _YES_OR_NO)
            path = f"{where}, limits.{name}"
            problems += [Problem(f"{path}{p.where}", p.what, p.fix) for p in wrong]
            if figure is not None:
                found[name] = figure
    return found


def _unknown(content: Mapping[str, object], known: tuple[str, ...], where: str) -> Iterator[Problem]:
    separator = "." if ", " in where else ", "
    for key in sorted(set(content) - set(known))[:_LISTED]:
        shown = repr(key[:_SHOWN])[1:-1]
        fix = f"remove it; known here: {', '.join(known)}"
        yield Problem(f"{where}{separator}{shown}", "is an unknown key", fix)


def _decoded(data: bytes, where: str) -> dict[str, object]:
    fix = "give a profile (TOML)"
    if len(data) > LIMIT_BYTES:
        raise ProfileError.of(where, f"is larger than {LIMIT_BYTES} bytes, the limit for a profile", fix)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProfileError.of(where, f"is not UTF-8 text (byte {error.start})", fix) from error
    except RecursionError as error:
        raise ProfileError.of(where, "is nested too deeply", fix) from error
    except ValueError as error:  # TOMLDecodeError is one, an integer of thousands of digits another
        raise ProfileError.of(where, f"is not TOML: {error}", "repair the file") from error


def _shipped() -> Traversable:
    return files("msc.compiler").joinpath("profiles")
