"""The history of a search: written line by line, and written again line by line when one is resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import FileError, flush_folder
from msc.search.evolution.linefile import LineFile, encode, read_lines
from msc.search.evolution.runfolder import check_folder, remove_leftovers
from msc.search.evolution.settings import SearchSettings, differences
from msc.search.evolution.stored import (
    FORMAT,
    NAME,
    RESTORE,
    VERSION,
    HistoryError,
    StoredEvaluation,
    StoredFinalist,
    StoredGeneration,
    StoredHistory,
    parsed_lines,
    read_history,
)
from msc.search.scoring.records import Record

__all__ = [
    "History",
    "HistoryError",
    "SettingsError",
    "StoredEvaluation",
    "StoredFinalist",
    "StoredGeneration",
    "StoredHistory",
    "header_of",
    "read_history",
]

TIMINGS = "timings.jsonl"
EVALUATION = "evaluation"
FINALIST = "finalist"
_PACKAGES = {"msc": "msc-snn", "numpy": "numpy", "pymoo": "pymoo", "torch": "torch"}
_TOLD = 3  # differences of one line that a message lists
_SHOWN = 60  # characters of a value that a message repeats


class SettingsError(MscError):
    """A search is resumed with other settings or other versions than it was started with."""


def header_of(settings: SearchSettings) -> dict[str, Any]:
    """Make the first line of a history: the settings, and the versions of what decides its numbers."""
    return {
        "kind": "search",
        "format": FORMAT,
        "version": VERSION,
        "settings": settings.to_json(),
        "versions": {name: version(package) for name, package in _PACKAGES.items()},
    }


class History:
    """RUN/history.jsonl of a search under way: a context manager that only one process can hold.

    A search that is resumed runs again from its start. While lines are stored, `write` compares instead of
    writing, and `evaluation` and `finalist` give the records that need not be measured again.
    """

    def __init__(
        self, folder: Path, settings: SearchSettings, resume: bool, note: Callable[[str], None]
    ) -> None:
        """Open or create it in `folder`; `note` takes remarks.

        Raises FileError where the folder holds something else, a search and `resume` is not asked for, none
        and it is, or another search is writing; SettingsError listing all settings and versions that are not
        those of the search resumed; HistoryError where a line is malformed.
        """
        check_folder(folder, resume)
        self._note = note
        self._path = folder / NAME
        self._records: dict[tuple[str, str, int], Record] = {}
        self._stored = self._written = 0
        self._lines: Iterator[bytes] = iter(())
        existed = self._path.exists()
        self._file = LineFile(self._path, durable=True)
        self._timings: LineFile | None = None
        try:
            self._take(folder, existed, resume)
            header = header_of(settings)
            self._load(header, resume)
            remove_leftovers(folder)
            flush_folder(folder)
            self._timings = _open_timings(folder, note)
            self.write(header)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def replaying(self) -> bool:
        """Whether lines are stored that were not written again yet."""
        return self._written < self._stored

    def evaluation(self, hash: str, seed: int) -> Record | None:
        """Look up the stored record of a network."""
        return self._records.get((EVALUATION, hash, seed))

    def finalist(self, hash: str, seed: int) -> Record | None:
        """Look up the stored record of a finalist under the weights of a seed."""
        return self._records.get((FINALIST, hash, seed))

    def write(self, content: Mapping[str, Any]) -> None:
        """Write a line, or compare it with the one that is stored.

        Raises HistoryError telling what differs; FileError where the line cannot be written: then nothing
        of it is.
        """
        line = encode(content)
        if self.replaying:
            self._compare(line)
        else:
            self._file.append(line)
        self._written += 1

    def timing(self, kind: str, record: Record, seconds: float) -> None:
        """Note beside the history how long an evaluation took; a full disk is only remarked on."""
        if self._timings is None:
            return
        content = {"kind": kind, "hash": record.hash, "seed": record.seed, "seconds": round(seconds, 6)}
        try:
            self._timings.append(encode(content))
        except FileError as error:
            self._note(f"{error.problems[0].where}: {error.problems[0].what}; timings are no longer noted")
            self._timings.close()
            self._timings = None

    def close(self) -> None:
        """Close the files; another process can take the folder then."""
        self._lines = iter(())
        self._file.close()
        if self._timings is not None:
            self._timings.close()

    def _take(self, folder: Path, existed: bool, resume: bool) -> None:
        """Lock the history, and refuse one that came to be meanwhile."""
        if not self._file.lock():
            fix = "wait until it ends, or choose another folder"
            raise FileError.of(str(folder), "another search is writing here", fix)
        if not resume and (existed or self._file.size):
            fix = "add --resume to go on with it, or choose another folder"
            raise FileError.of(str(folder), "holds a search already", fix)

    def _load(self, header: Mapping[str, Any], resume: bool) -> None:
        """Check all stored lines, keep their records, and drop a torn last one."""
        whole = 0
        torn = False
        for line, content in parsed_lines(self._path):
            torn = content is None
            if content is None:
                continue
            if content["kind"] == "search":
                raise_all(SettingsError, _changes(content, header))
            if content["kind"] in (EVALUATION, FINALIST):
                record = Record.from_json(content["record"])
                self._records.setdefault((content["kind"], record.hash, record.seed), record)
            whole += len(line)
            self._stored += 1
        if torn:
            self._file.cut(whole)
            self._note(f"{NAME}: the last line was torn and is dropped")
        if resume and not self._stored:
            self._note(f"{self._path.parent} holds nothing of a search yet: it starts from the beginning")
        self._lines = read_lines(self._path, "search history")

    def _compare(self, line: bytes) -> None:
        stored = next(self._lines)
        if stored == line:
            return
        where = f"{self._path}, line {self._written + 1}"
        found = differences(json.loads(stored), json.loads(line))
        told = "; ".join(f"{name} was {_shown(a)}, now is {_shown(b)}" for name, a, b in found[:_TOLD])
        more = f"; {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        what = f"{told}{more}" if found else "was not written by msc"
        raise HistoryError.of(where, f"is not the line that this search writes ({what})", RESTORE)


def _changes(stored: Mapping[str, Any], header: Mapping[str, Any]) -> list[Problem]:
    """List every setting and every version that is not as it was."""
    fix = "resume with the settings the run was started with, or choose another folder"
    problems = [
        Problem(_option(name), f"was {_shown(before)}, now is {_shown(now)}", fix)
        for name, before, now in differences(stored["settings"], header["settings"])
    ]
    fix = "resume with the version the run was started with, or choose another folder"
    return problems + [
        Problem(f"version of {name}", f"was {before or 'none'}, now is {now or 'none'}", fix)
        for name, before, now in differences(stored["versions"], header["versions"])
    ]


def _option(setting: str) -> str:
    """Name a setting as the command line does."""
    if setting == "data_hash":
        return "--data, sha256 of its samples"
    if setting == "fit_hash":
        return "--fit, sha256 of its profile"
    if setting == "energy_profile_hash":
        return "--energy-profile, sha256 of its file"
    last = setting.removeprefix("skeleton.").removeprefix("limits.")
    return "--" + last.replace("_", "-")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _open_timings(folder: Path, note: Callable[[str], None]) -> LineFile | None:
    """Open the file of timings; a search goes on without one."""
    try:
        file = LineFile(folder / TIMINGS, durable=False)
        file.cut_torn()
        return file
    except FileError as error:
        note(f"{error.problems[0].where}: {error.problems[0].what}; timings are not noted")
    return None
