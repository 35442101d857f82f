"""A chip that networks must fit, found out from their structure alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from msc.compiler.contracts import CompileError
from msc.compiler.placement import Profile, least_cores, load_profile, place
from msc.compiler.placement.structure import machine_structure
from msc.ir.errors import MscError, Problem
from msc.ir.network import Network
from msc.search.scoring.records import Violation

FIT = "fit"
_MOST_CHIPS = 1_000_000


class FitError(MscError):
    """What `--fit` says is no profile and number of chips."""


@dataclass(frozen=True)
class Fit:
    """At most `chips` chips of a profile, which `name` names as the user did.

    A network fits if the machine network that it compiles to, with no weight zero, can be placed on them.
    """

    name: str
    profile: Profile
    chips: int = 1

    def __str__(self) -> str:
        return f"{self.name}:{self.chips}"

    def violations(self, network: Network) -> tuple[Violation, ...]:
        """Say why a network does not fit (empty: it does); what is much too large is not placed."""
        try:
            machine = machine_structure(network, self.profile)
        except CompileError as error:
            return (_impossible(error.problems),)
        bound = least_cores(machine, self.profile)
        if bound > self._cores:
            return (self._too_many(bound, "at least "),)
        placement = place(machine, self.profile)
        if placement.problems:
            return (_impossible(placement.problems),)
        found = len(placement.cores)
        return (self._too_many(found),) if found > self._cores else ()

    @property
    def _cores(self) -> int:
        per_chip = self.profile.limit("cores_per_chip")
        assert per_chip is not None  # no profile is read without
        return self.chips * per_chip

    def _too_many(self, cores: int, how: str = "") -> Violation:
        chips = -(-cores * self.chips // self._cores)
        needed = f"{how}{cores:,} cores of {self.profile.name}, {chips:,} chips"
        what = f"needs {needed}, at most {self.chips:,} wanted"
        return Violation(FIT, (cores - self._cores) / cores, what)


def parse_fit(text: str) -> Fit:
    """Read PROFILE or PROFILE:CHIPS; raises FitError, ProfileError or FileError."""
    given = re.fullmatch(r"(.*):([-+]?[0-9]+)", text)
    name, chips = (given.group(1), given.group(2)) if given else (text, "1")
    if len(chips) > len(str(_MOST_CHIPS)) or not 1 <= int(chips) <= _MOST_CHIPS:
        raise FitError.of(f"--fit {text}", f"asks for {chips} chips", f"give 1 to {_MOST_CHIPS}")
    return Fit(name, load_profile(name), int(chips))


def _impossible(problems: Sequence[Problem]) -> Violation:
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Violation(FIT, 1.0, f"{problems[0].where}: {problems[0].what}{more}")
