"""Lists every number that was priced with: its unit, its source, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.report import EnergyReport
from msc.compiler.energy.words import digits, size
from msc.compiler.figures import Figure, Status
from msc.search.energy.terms import words_of
from msc.search.energy.units import NO_ENERGY
from msc.search.reporting.markup import capital, code, paragraph, section, short_hash, table, text

_TITLE = "Constants and their sources"
_HEAD = ("constant", "value", "unit", "sources say", "source", "year", "node", "status")
_ENDS = _HEAD.index("sources say")


def constants_section(report: EnergyReport) -> str:
    """Write a table for every profile."""
    found = [priced.profile for stage in report.stages for priced in stage.profiles]
    profiles = {(profile.name, profile.sha256): profile for profile in found}
    explained = (
        "Published: read in the source. Conflicting: sources differ, and both ends are carried through to",
        "the energies. Unverified: quoted by others, not read in the source itself.",
    )
    tables = (part for profile in profiles.values() for part in _profile(profile))
    return section("constants", _TITLE, paragraph(*explained), *tables)


def _profile(profile: EnergyProfile) -> Iterator[str]:
    yield f"<h3>{text(profile.name)}: {text(profile.title)}</h3>"
    factor = f"Every energy is multiplied by {digits(profile.factor)}." if profile.factor is not None else ""
    published = "" if profile.published else "<strong>Unpublished.</strong>"
    node = f"Node: {text(profile.node)}." if profile.node else ""
    yield paragraph(published, _sentence(profile.note), node, factor, f"sha256 {short_hash(profile.sha256)}.")
    rows = [*_rows(profile)]
    if rows:
        differ = any(row[_ENDS] for row in rows)
        shown = [place for place in range(len(_HEAD)) if differ or place != _ENDS]
        chosen = ([row[place] for place in shown] for row in rows)
        yield table(
            [_HEAD[place] for place in shown], chosen, numeric=(1, 3) if differ else (1,), kind="constants"
        )
    if profile.included:
        parts = (f"{capital(words_of(term))}: {text(words)}." for term, words in profile.included.items())
        yield paragraph("<strong>Included in other figures.</strong>", *parts)


def _sentence(words: str) -> str:
    return capital(words) if not words or words.endswith((".", "!", "?")) else f"{capital(words)}."


def _rows(profile: EnergyProfile) -> Iterator[list[str]]:
    for name, found in profile.energies.items():
        yield _row(code(name), found, profile)
    for memory in profile.memories:
        name = f"one access of {memory.access_bits} bits to {size(memory.size)}"
        yield _row(text(name), memory.energy, profile)
    for name, found in profile.numbers.items():
        yield _row(code(name), found, profile)


def _row(name: str, found: Figure, profile: EnergyProfile) -> list[str]:
    ends = "" if found.low is None or found.high is None else f"{found.low:g}–{found.high:g}"
    bad = "" if found.status is Status.PUBLISHED else " bad"
    return [
        name,
        f"{found.value:g}",
        text(found.unit),
        ends,
        text(found.source),
        f"{found.year}",
        text(found.node or profile.node or NO_ENERGY),
        f'<span class="tag{bad}">{text(found.status.value)}</span>',
    ]
