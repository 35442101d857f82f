"""Profiles of chips: files that say what a core and a chip hold, and where every number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from msc.compiler.figures import Figure, Value, read_figure
from msc.compiler.toml_files import Kind, hashed, line_of_text, unknown_keys
from msc.ir.errors import MscError, Problem, raise_all

_KEYS = ("format", "version", "title", "limits")
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


_KIND = Kind("profile", "msc.profile", 1, ProfileError, "msc.compiler")


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
        return None if figure is None else figure.whole

    def has(self, name: str) -> bool:
        """Whether the chip is known to have something."""
        assert UNITS[name] == _YES_OR_NO
        figure = self.limits.get(name)
        return figure is not None and bool(figure.value)


def profile_names() -> tuple[str, ...]:
    """List the profiles that come with msc."""
    return _KIND.names()


def load_profile(name_or_path: str) -> Profile:
    """Read a profile that comes with msc by its name, or the profile file at a path that ends in .toml.

    Raises ProfileError naming the profiles there are or listing all that is wrong in a file, or FileError.
    """
    return parse_profile(*_KIND.find(name_or_path))


def parse_profile(data: bytes, name: str, where: str) -> Profile:
    """Parse the bytes of a profile file; `where` names it in errors.

    Raises ProfileError with one problem per offender: TOML, format, version, unknown or missing keys, a
    limit without a unit, source, year or status, or with a value that is none.
    """
    content = _KIND.decode(data, where)
    problems = list(unknown_keys(content, _KEYS, f"{where}, "))
    title, wrong = line_of_text(content, "title", f"{where}, ")
    problems += wrong
    limits = content.get("limits")
    if not isinstance(limits, dict):
        what = "is missing" if limits is None else "is not a table"
        problems.append(Problem(f"{where}, limits", what, "write [limits.NAME] for each limit"))
        limits = {}
    found = _limits(cast("dict[str, object]", limits), where, problems)
    raise_all(ProfileError, problems)
    return Profile(name, title, found, hashed(data))


def _limits(tables: Mapping[str, object], where: str, problems: list[Problem]) -> dict[str, Figure]:
    problems += unknown_keys(tables, tuple(UNITS), f"{where}, limits.")
    for name in _NEEDED:
        if name not in tables:
            what = "is missing, nothing can be placed without it"
            problems.append(Problem(f"{where}, limits.{name}", what, f"write [limits.{name}]"))
    found: dict[str, Figure] = {}
    for name, unit in UNITS.items():
        if name in tables:
            value = Value.YES_OR_NO if unit == _YES_OR_NO else Value.WHOLE
            figure, wrong = read_figure(tables[name], f"{where}, limits.{name}", unit, value)
            problems += wrong
            if figure is not None:
                found[name] = figure
    return found
