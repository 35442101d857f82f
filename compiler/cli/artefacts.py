"""Folders that `msc compile` made: whose they are, what they hold, and what their report says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.kinds import WANTED
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from msc.compiler.contracts import Target

REPORT = "report.json"
MACHINE_TARGET = "lava"  # its artefacts hold integers in machine time, which no other target takes
_FILE_LIMIT = 1 << 31
_REPORT_LIMIT = 1 << 24
_TOLD = ("target", "options", "genome_hash", "space", "weights", "network_hash", "weights_hash", "source")
_TOLD_DEEP, _TOLD_MANY, _TOLD_LONG = 3, 100, 300


@dataclass(frozen=True)
class Folder:
    """The folder of an artefact: its path, and the target that makes such."""

    path: str
    target: Target

    def files(self) -> dict[str, bytes]:
        """Read the files that the target always makes; raises FileError."""
        from msc.ir.files import read_limited

        return {
            name: read_limited(Path(self.path, name), _FILE_LIMIT, f"{self.target.name} artefact")
            for name in self.target.files
        }


def artefact_in(path: str) -> Folder:
    """Find the target whose files a folder holds.

    Raises UsageError where it holds none, files of several targets, or only some of one target's.
    """
    from msc.compiler.driver import find_target, target_names

    targets = [find_target(name) for name in target_names()]
    found = {target.name: _held(path, target.files) for target in targets}
    holding = [target for target in targets if found[target.name]]
    raise_all(UsageError, _runs(path))
    if not holding:
        looked = "; ".join(f"{target.name}: {', '.join(target.files)}" for target in targets)
        raise UsageError.of(path, f"is a folder without an artefact ({looked})", WANTED)
    if len(holding) > 1:
        held = ", ".join(f"{name} ({target.name})" for target in holding for name in found[target.name])
        raise UsageError.of(path, f"holds files of several targets: {held}", "keep one artefact in a folder")
    target = holding[0]
    raise_all(
        UsageError,
        [
            Problem(str(Path(path, name)), f"is missing, target {target.name} makes it", "compile again")
            for name in target.files
            if name not in found[target.name]
        ],
    )
    return Folder(path, target)


def read_report(folder: str) -> tuple[dict[str, Any], str | None]:
    """Read what report.json says of where an artefact comes from, in plain values of bounded size.

    Only for showing: nothing holds it to the files beside it. Empty, with the reason beside it, where it
    cannot be read.
    """
    from msc.ir.files import FileError, read_limited

    where = str(Path(folder, REPORT))
    try:
        report: Any = json.loads(read_limited(where, _REPORT_LIMIT, "report"), parse_constant=_no_number)
    except FileError as error:
        return {}, str(error.problems[0])
    except (ValueError, RecursionError):
        return {}, f"{where}: is no report; compile again"
    if not isinstance(report, dict):
        return {}, f"{where}: is no report; compile again"
    fields = cast(dict[str, Any], report)
    return {key: _plain(fields[key], _TOLD_DEEP) for key in (*_TOLD, "versions") if key in fields}, None


def _held(path: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if os.path.lexists(Path(path, name))]


def _runs(path: str) -> Iterable[Problem]:
    """Tell folders that other commands made, whose weights look like an artefact's."""
    genome, weights, best = (
        str(Path(path, name)) for name in ("genome.json", "weights.safetensors", "best.json")
    )
    if os.path.isfile(genome) and os.path.isfile(weights):
        yield Problem(path, "is the folder of a training", f"give {genome} --weights {weights}")
    elif os.path.isfile(best):
        yield Problem(path, "is the folder of a search", f"give {best}")


def _plain(value: Any, deep: int) -> Any:
    """Keep what can be shown: text of bounded length, numbers, short lists and objects of such."""
    match value:
        case str():
            return "".join(c if c.isprintable() else "?" for c in value[:_TOLD_LONG])
        case bool() | int() | float() | None:
            return value
        case dict() if deep:
            entries = list(cast(Mapping[str, Any], value).items())[:_TOLD_MANY]
            return {_plain(key, 0): _plain(item, deep - 1) for key, item in entries}
        case list() if deep:
            return [_plain(item, deep - 1) for item in cast(list[Any], value)[:_TOLD_MANY]]
        case _:
            return ".."


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
