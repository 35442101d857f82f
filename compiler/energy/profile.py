"""Energy profiles: files that say what a device spends on what, and where every number comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from msc.compiler.energy.coherence import contradictions
from msc.compiler.energy.prices import TERMS
from msc.compiler.figures import LARGEST, Figure, Status, Value, is_whole_amount, read_figure, shown
from msc.compiler.toml_files import ENDING, Kind, hashed, line_of_text, unknown_keys
from msc.ir.errors import MscError, Problem, raise_all

UNITS: Mapping[str, str] = {
    "accumulate": "pJ",
    "multiply": "pJ",
    "multiply_accumulate": "pJ",
    "synaptic_operation": "pJ",
    "synaptic_operation_convolution": "pJ",
    "neuron_update": "pJ",
    "neuron_update_inactive": "pJ",
    "neuron_update_active": "pJ",
    "spike": "pJ",
    "message": "pJ",
    "message_within_tile": "pJ",
    "hop_east_west": "pJ",
    "hop_north_south": "pJ",
    "static_power": "mW",
    "step_time": "us",
    "weight_bits": "bits",
    "state_bits": "bits",
    "cores_per_tile": "cores",
    "tiles_across": "tiles",
    "tiles_down": "tiles",
}
"""The unit of every figure a profile can have: first the energies (power and time too), then the numbers."""
_NUMBERS = ("weight_bits", "state_bits", "cores_per_tile", "tiles_across", "tiles_down")
_ENERGIES = tuple(name for name in UNITS if name not in _NUMBERS)
_PICOJOULES = "pJ"
_TEXTS = ("title", "node", "status", "note", "chip")
_OPTIONAL = ("status", "note", "chip")
_KEYS = ("format", "version", *_TEXTS)
_TABLES = ("energies", "numbers", "included")
_MEMORIES = "memories"
_OF_A_MEMORY = ("size", "access_bits")
_UNPUBLISHED = "unpublished"
_STATUSES = ("published", _UNPUBLISHED)
_SHOWN = 40  # characters of wrong words that a message repeats
LEAST_FACTOR, MOST_FACTOR = 1e-6, 1e6
_TIMES = "*"


class EnergyProfileError(MscError):
    """An energy profile does not exist, or a file is none."""


_KIND = Kind("energy profile", "msc.energy-profile", 1, EnergyProfileError, "msc.compiler.energy")


@dataclass(frozen=True)
class Memory:
    """A memory of `size` bytes: what one access of `access_bits` costs, in picojoules."""

    size: int
    access_bits: int
    energy: Figure


@dataclass(frozen=True)
class EnergyProfile:
    """What a device spends: `energies` by name (see `UNITS`), those that nobody published left out.

    `included` says, by term, which published energy holds it already. `memories` are ordered by size.
    `numbers` gives weight_bits and state_bits where memory is priced, and of a chip with a network the cores
    per tile and the tiles across and down. `published` is False where there is nothing to price with, and
    `note` says why. `chip` names the profile of the same chip's limits, to place networks on. `factor` is
    what a user multiplies a profile's energies by. `sha256` is that of the file's bytes (and of the factor).
    """

    name: str
    title: str
    node: str
    published: bool
    note: str
    energies: Mapping[str, Figure]
    included: Mapping[str, str]
    memories: tuple[Memory, ...]
    numbers: Mapping[str, Figure]
    sha256: str
    chip: str | None = None
    factor: float | None = None


def energy_profile_names() -> tuple[str, ...]:
    """List the energy profiles that come with msc."""
    return _KIND.names()


def load_energy_profile(name_or_path: str) -> EnergyProfile:
    """Read an energy profile by the name of one that comes with msc, or by a path that ends in .toml.

    Either may be followed by `*FACTOR`: every energy is then multiplied by a factor of the user's. Raises
    EnergyProfileError naming the profiles there are or listing all that is wrong in a file, or FileError.
    """
    base, times, factor = name_or_path.rpartition(_TIMES)
    if not times or name_or_path.endswith(ENDING):
        return parse_energy_profile(*_KIND.find(name_or_path))
    return _scaled(parse_energy_profile(*_KIND.find(base)), _factor(factor, name_or_path), name_or_path)


def parse_energy_profile(data: bytes, name: str, where: str) -> EnergyProfile:
    """Parse the bytes of an energy profile file; `where` names it in errors.

    Raises EnergyProfileError with one problem per offender: TOML, format, version, unknown or missing keys,
    a figure without a value above 0, its unit, source, year, node or status, figures that contradict each
    other.
    """
    content = _KIND.decode(data, where)
    problems = list(unknown_keys(content, (*_KEYS, *_TABLES, _MEMORIES), f"{where}, "))
    texts = {key: _text(content, key, where, problems) for key in _TEXTS}
    tables = {key: _table(content, key, where, problems) for key in _TABLES}
    energies = _figures(tables["energies"], _ENERGIES, f"{where}, energies", problems)
    numbers = _figures(tables["numbers"], _NUMBERS, f"{where}, numbers", problems)
    included = _included(tables["included"], where, problems)
    memories = _memories(content.get(_MEMORIES, []), where, problems)
    is_published = content.get("status") != _UNPUBLISHED
    if not problems:  # what is no figure cannot contradict others
        problems += _presence(is_published, texts["note"], bool(energies), bool(memories), where)
        problems += contradictions(energies, numbers, [m.size for m in memories], included, where)
    raise_all(EnergyProfileError, problems)
    return EnergyProfile(
        name=name,
        title=texts["title"],
        node=texts["node"],
        published=is_published,
        note=texts["note"],
        energies=energies,
        included=included,
        memories=memories,
        numbers=numbers,
        sha256=hashed(data),
        chip=texts["chip"] or None,
    )


def _text(content: Mapping[str, object], key: str, where: str, problems: list[Problem]) -> str:
    """Read a line of text; one that may be left out is then empty."""
    if key not in content and key in _OPTIONAL:
        return ""
    text, wrong = line_of_text(content, key, f"{where}, ")
    problems += wrong
    if key == "status" and text not in ("", *_STATUSES):
        what = f"is no status of a profile: {text[:_SHOWN]!r}"
        problems.append(Problem(f"{where}, status", what, f"use one of: {', '.join(_STATUSES)}"))
    return text


def _table(content: Mapping[str, object], key: str, where: str, problems: list[Problem]) -> dict[str, object]:
    table = content.get(key, {})
    if isinstance(table, dict):
        return cast("dict[str, object]", table)
    fix = f'write [{key}] and TERM = "..."' if key == "included" else f"write [{key}.NAME] for each figure"
    problems.append(Problem(f"{where}, {key}", "is not a table", fix))
    return {}


def _figures(
    tables: Mapping[str, object], known: tuple[str, ...], where: str, problems: list[Problem]
) -> dict[str, Figure]:
    problems += unknown_keys(tables, known, f"{where}.")
    found: dict[str, Figure] = {}
    for name in known:
        if name in tables:
            kind = Value.WHOLE if name in _NUMBERS else Value.DECIMAL
            figure, wrong = read_figure(tables[name], f"{where}.{name}", UNITS[name], kind, has_node=True)
            problems += wrong
            if figure is not None:
                found[name] = figure
    return found


def _included(table: Mapping[str, object], where: str, problems: list[Problem]) -> dict[str, str]:
    problems += unknown_keys(table, TERMS, f"{where}, included.")
    found: dict[str, str] = {}
    for term in TERMS:
        if term in table:
            found[term], wrong = line_of_text(table, term, f"{where}, included.")
            problems += wrong
    return found


def _memories(listed: object, where: str, problems: list[Problem]) -> tuple[Memory, ...]:
    if not isinstance(listed, list):
        problems.append(Problem(f"{where}, memories", "is no list of tables", "write [[memories]] for each"))
        return ()
    found: list[Memory] = []
    for index, table in enumerate(cast("list[object]", listed)):
        memory = _memory(table, f"{where}, memories[{index}]", problems)
        if memory is not None:
            found.append(memory)
    return tuple(found)


def _memory(table: object, where: str, problems: list[Problem]) -> Memory | None:
    rest, sizes = table, dict[str, int]()
    wrong: list[Problem] = []
    if isinstance(table, dict):
        rest = dict(cast("dict[str, object]", table))
        for key in _OF_A_MEMORY:
            value = rest.pop(key, None)
            if is_whole_amount(value):
                sizes[key] = value
            else:
                what = "is missing" if value is None else f"is {shown(value)}"
                wrong.append(Problem(f"{where}.{key}", what, f"give a whole number from 1 to {LARGEST}"))
    figure, unfit = read_figure(rest, where, _PICOJOULES, Value.DECIMAL, has_node=True)
    problems += [*wrong, *unfit]
    if wrong or figure is None:
        return None
    return Memory(sizes["size"], sizes["access_bits"], figure)


def _presence(
    is_published: bool, note: str, has_energies: bool, has_memories: bool, where: str
) -> Iterator[Problem]:
    """A profile has energies, or says that there are none and why."""
    if is_published and not has_energies:
        fix = f'write [energies.NAME] for each, or status = "{_UNPUBLISHED}" and a note that says why'
        yield Problem(f"{where}, energies", "are missing, nothing can be priced without any", fix)
    if not is_published and (has_energies or has_memories):
        what = f'has figures, but status = "{_UNPUBLISHED}"'
        yield Problem(where, what, "remove the energies and memories, or the status")
    if not is_published and not note:
        yield Problem(f"{where}, note", "is missing", 'write note = "..." that says why nothing is priced')


def _factor(text: str, where: str) -> float:
    """Read what a user multiplies by."""
    with suppress(ValueError):
        factor = float(text)
        if LEAST_FACTOR <= factor <= MOST_FACTOR:
            return factor
    what = f"the factor {text[:_SHOWN]!r} is no number from {LEAST_FACTOR:g} to {MOST_FACTOR:g}"
    raise EnergyProfileError.of(f"energy profile {where}", what, "write NAME*FACTOR, such as loihi1*0.5")


def _scaled(profile: EnergyProfile, factor: float, where: str) -> EnergyProfile:
    """Multiply every energy of a profile; powers and times stay as they are."""
    if not profile.published:
        what = f"there is nothing to multiply: {profile.note}"
        raise EnergyProfileError.of(f"energy profile {where}", what, "multiply a profile that has energies")
    name = f"{profile.name}{_TIMES}{factor:.12g}"
    words = f"{profile.title} x {factor:.12g}, a factor of yours, not measured"
    energies = {
        name: _times(figure, factor) if figure.unit == _PICOJOULES else figure
        for name, figure in profile.energies.items()
    }
    return replace(
        profile,
        name=name,
        title=words,
        note=f"every energy is that of {profile.name} times {factor:.12g}, a factor of yours: not measured",
        energies=energies,
        memories=tuple(replace(m, energy=_times(m.energy, factor)) for m in profile.memories),
        sha256=hashed(f"{profile.sha256}{_TIMES}{factor!r}".encode()),
        factor=factor,
    )


def _times(figure: Figure, factor: float) -> Figure:
    """Multiply a figure; what comes out is no longer what its source says."""
    low, high = (None if bound is None else bound * factor for bound in (figure.low, figure.high))
    return replace(
        figure,
        value=figure.value * factor,
        source=f"{figure.source}; times {factor:.12g}, a factor of the user's",
        status=figure.status if figure.status is Status.CONFLICTING else Status.UNVERIFIED,
        low=low,
        high=high,
    )
