"""Energy profiles for tests: files with any figures, all else as one could have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msc.compiler.energy.profile import UNITS, EnergyProfile, parse_energy_profile

HEAD = 'format = "msc.energy-profile"\nversion = 1\ntitle = "A test device"\nnode = "9 nm"\n'
OPERATION: Mapping[str, float] = {"synaptic_operation": 20.0}
MESH: Mapping[str, float] = {"cores_per_tile": 2, "tiles_across": 3, "tiles_down": 2}
_REST = 'source = "made up"\nyear = 2020\nnode = "9 nm"\nstatus = "published"\n'


def written(
    figures: Mapping[str, float], memories: Sequence[tuple[int, int, float]] = (), head: str = HEAD
) -> str:
    """Write a profile file: energies and numbers by name, memories as size, bits of an access, energy."""
    text = head
    for name, value in figures.items():
        table = "numbers" if UNITS[name] in ("bits", "cores", "tiles") else "energies"
        text += f'[{table}.{name}]\nvalue = {value}\nunit = "{UNITS[name]}"\n{_REST}'
    for size, bits, value in memories:
        text += f'[[memories]]\nsize = {size}\naccess_bits = {bits}\nvalue = {value}\nunit = "pJ"\n{_REST}'
    return text


def device(figures: Mapping[str, float], memories: Sequence[tuple[int, int, float]] = ()) -> EnergyProfile:
    """Make a profile with these figures."""
    return parse_energy_profile(written(figures, memories).encode(), "device", "device.toml")
