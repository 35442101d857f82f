"""Profiles for tests: any limits, all else as a chip could have it."""

from __future__ import annotations

from collections.abc import Mapping

from msc.compiler.placement.profile import UNITS, Profile, parse_profile

ROOMY: Mapping[str, int | bool] = {"cores_per_chip": 4, "neurons_per_core": 10**6, "weight_bits": 8}


def toml(limits: Mapping[str, int | bool]) -> str:
    """Write a profile file with these limits."""
    lines = ['format = "msc.profile"', "version = 1", 'title = "A test chip"']
    for name, value in limits.items():
        written = str(value).lower()
        lines += [
            f"[limits.{name}]",
            f"value = {written}",
            f'unit = "{UNITS[name]}"',
            'source = "made up"',
            "year = 2020",
            'status = "published"',
        ]
    return "\n".join(lines) + "\n"


def chip(**limits: int | bool) -> Profile:
    """Make a profile of a roomy chip with these limits."""
    return parse_profile(toml({**ROOMY, **limits}).encode(), "chip", "chip.toml")
