"""Writes the energy profiles that come with msc as the tables of docs/energy-profiles.md.

`python -m tests.compiler.energy.profile_tables` prints them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msc.compiler.energy.profile import EnergyProfile, energy_profile_names, load_energy_profile
from msc.compiler.figures import Figure


def tables() -> str:
    """Write a section with a table for every profile."""
    return "\n\n".join("\n".join(_section(load_energy_profile(name))) for name in energy_profile_names())


def _section(profile: EnergyProfile) -> Iterator[str]:
    yield f"### {profile.name}: {profile.title}"
    yield ""
    chip = "" if profile.chip is None else f" Placed on `{profile.chip}`."
    yield f"{profile.node}.{chip} {profile.note[:1].upper()}{profile.note[1:]}."
    figures = [*profile.energies.items(), *profile.numbers.items()]
    figures += [(f"memory of {m.size:,} bytes, {m.access_bits} bits", m.energy) for m in profile.memories]
    if figures:
        yield ""
        yield "| figure | value | status | year | source |"
        yield "|---|---|---|---|---|"
        for name, figure in figures:
            told = f"`{name}`" if " " not in name else name
            cells = (told, _value(figure, profile), figure.status.value, str(figure.year), figure.source)
            yield f"| {' | '.join(cells)} |"
    for term, words in profile.included.items():
        yield ""
        yield f"Included, {term}: {words}."


def _value(figure: Figure, profile: EnergyProfile) -> str:
    bounds = "" if figure.low is None else f" ({figure.low:g} to {figure.high:g})"
    node = "" if figure.node == profile.node else f", {figure.node}"
    return f"{figure.value:g}{bounds} {figure.unit}{node}"


if __name__ == "__main__":
    print(tables())
