"""The limit of `--fail-above`: an energy with its unit, and which profiles may need more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from msc.compiler.cli.failures import UsageError
from msc.compiler.energy.report import EnergyReport, Priced
from msc.compiler.energy.words import digits, energy

NANOJOULES = {"pJ": 1e-3, "nJ": 1.0, "uJ": 1e3, "mJ": 1e6, "J": 1e9}
_MICRO = str.maketrans("µμ", "uu")
_TEXT = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?) ?([pnum]?J)", re.ASCII)


@dataclass(frozen=True)
class Limit:
    """The most energy that a sample may need, as it was written, and in nanojoules."""

    text: str
    nanojoules: float


def parse_limit(text: str) -> Limit:
    """Read a number above 0 and its unit; raises UsageError."""
    match = _TEXT.fullmatch(text.strip().translate(_MICRO))
    value = float(match[1]) * NANOJOULES[match[2]] if match else 0.0
    if not (isfinite(value) and value > 0):
        fix = f"write a number above 0 and a unit ({', '.join(NANOJOULES)}), such as 2.5uJ"
        raise UsageError.of(f"--fail-above {text}", "is no energy", fix)
    return Limit(text.strip(), value)


def exceeding(report: EnergyReport, limit: Limit) -> Iterator[str]:
    """Say, for each stage and profile that may need more than the limit, by how much.

    What counts is the upper end of the total, of its interval over samples where there is one. A profile
    without a total is told, too: nothing says that it needs less.
    """
    for stage in report.stages:
        for priced in stage.profiles:
            where = f"--fail-above {limit.text}: {priced.profile.name}"
            if len(report.stages) > 1:
                where += f", {stage.stage.value}"
            most = upper_end(priced)
            if most is None:
                yield f"{where}: its energy is not known, no term of the profile has a price"
            elif most > limit.nanojoules:
                many = most / limit.nanojoules
                yield f"{where}: up to {energy(most)} per sample, {digits(many)} times as much"


def upper_end(priced: Priced) -> float | None:
    """Give the most that a sample needs on average, in nanojoules; None where no term is known."""
    if priced.high is None:
        return None
    return priced.high.mean if priced.high.bounds is None else priced.high.bounds[1]
