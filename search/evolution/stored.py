"""Reads the history of a search: what was evaluated, what survived, and who won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from msc.ir.errors import MscError
from msc.search.evolution.linefile import read_lines
from msc.search.scoring.records import Record

NAME = "history.jsonl"
FORMAT = "msc.search"
VERSION = 1
RESTORE = "restore the file from a copy, or search again in another folder"

_Hash: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\w{1,64}$")]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class HistoryError(MscError):
    """A history is malformed, or not what the search would write."""


class StoredEvaluation(NamedTuple):
    """A network that was scored: as which candidate of which generation, its genes and its record."""

    generation: int
    candidate: int
    genes: Mapping[str, Any]
    record: Record


class StoredGeneration(NamedTuple):
    """A finished generation: hashes of its candidates and of the survivors, and candidates known before."""

    number: int
    candidates: tuple[str, ...]
    population: tuple[str, ...]
    cached: int


class StoredFinalist(NamedTuple):
    """A finalist's genes, and its record under the weights of one seed."""

    genes: Mapping[str, Any]
    record: Record


@dataclass(frozen=True)
class StoredHistory:
    """All that history.jsonl says.

    `settings` and `versions` are those of its first line; `end` is its last line, None where the search has
    not ended; `torn` says that a last line was cut off and left out.
    """

    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    evaluations: tuple[StoredEvaluation, ...] = ()
    generations: tuple[StoredGeneration, ...] = ()
    finalists: tuple[StoredFinalist, ...] = ()
    end: Mapping[str, Any] | None = None
    torn: bool = False


def read_history(folder: Path) -> StoredHistory:
    """Read RUN/history.jsonl; raises FileError or HistoryError.

    Values are as they stand in the file; a torn last line is left out.
    """
    path = Path(folder) / NAME
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LINES}
    torn = False
    for _, content in parsed_lines(path):
        torn = content is None
        if content is not None:
            found[content["kind"]].append(content)
    if not found["search"]:
        raise HistoryError.of(str(path), "holds no whole line", "search again with --resume")
    header = found["search"][0]
    return StoredHistory(
        header["settings"],
        header["versions"],
        tuple(_evaluation(content) for content in found["evaluation"]),
        tuple(_generation(content) for content in found["generation"]),
        tuple(StoredFinalist(c["genes"], Record.from_json(c["record"])) for c in found["finalist"]),
        next(iter(found["end"]), None),
        torn,
    )


def parsed_lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Read and check the lines of a history one by one, as bytes and as content (None: a torn last line).

    Raises FileError, or HistoryError naming file and line.
    """
    ended = False
    for number, line in enumerate(read_lines(path, "search history"), start=1):
        content = _parsed(line, f"{path}, line {number}") if line.endswith(b"\n") else None
        if content is not None:
            kind = content["kind"]
            if ended or (kind == "search") != (number == 1):
                raise HistoryError.of(f"{path}, line {number}", f"{kind} stands out of place", RESTORE)
            ended = kind == "end"
        yield line, content


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    """Parse and check one whole line; raises HistoryError."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HistoryError.of(where, f"is not JSON ({error})", RESTORE) from error
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in _LINES:
        raise HistoryError.of(where, f"is none of a search's lines: {', '.join(_LINES)}", RESTORE)
    if kind == "search":
        _check_format(content, where)
    try:
        msgspec.convert(content, _LINES[kind])
    except msgspec.ValidationError as error:
        raise HistoryError.of(where, f"is malformed ({error})", RESTORE) from error
    return content


def _check_format(content: Mapping[str, Any], where: str) -> None:
    found = f"{content.get('format')} version {content.get('version')}"
    expected = f"{FORMAT} version {VERSION}"
    if found != expected:
        raise HistoryError.of(where, f"has format {found[:60]}", f"give a folder of format {expected}")


def _evaluation(content: Mapping[str, Any]) -> StoredEvaluation:
    record = Record.from_json(content["record"])
    return StoredEvaluation(content["generation"], content["candidate"], content["genes"], record)


def _generation(content: Mapping[str, Any]) -> StoredGeneration:
    candidates, population = tuple(content["candidates"]), tuple(content["population"])
    return StoredGeneration(content["generation"], candidates, population, content["cached"])


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    hash: _Hash
    seed: _Count
    values: dict[str, float | None] = {}
    neurons: _Count = 0
    params: _Count = 0
    rates: dict[str, float] = {}
    currents: dict[str, tuple[float, float]] | None = None
    violations: list[tuple[str, float, str]] = []
    failure: str | None = None


class _Search(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    format: str
    version: int
    settings: dict[str, Any]
    versions: dict[str, str]


class _Evaluation(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    generation: _Count
    candidate: _Count
    genes: dict[str, Any]
    record: _Record


class _Generation(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    generation: _Count
    candidates: list[_Hash]
    population: list[_Hash]
    cached: _Count


class _Finalist(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    genes: dict[str, Any]
    record: _Record


class _End(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    best: _Hash | None
    front: list[_Hash]


_LINES: Mapping[str, type[msgspec.Struct]] = {
    "search": _Search,
    "evaluation": _Evaluation,
    "generation": _Generation,
    "finalist": _Finalist,
    "end": _End,
}
