"""The folder of a search: what it may hold when one begins, and the genomes that are kept in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msc.ir.errors import Problem
from msc.ir.files import FileError, flush_folder, write_atomic
from msc.search.evolution.linefile import explained
from msc.search.evolution.stored import NAME
from msc.search.genome import Genome, dump_genome

BEST = "best.json"
FRONT = "front"
_FRONT_FILE = re.compile(r"\d+-[0-9a-f]{12}\.json")
_TEMPORARY = ".msc-*.tmp"


def check_folder(folder: Path, resume: bool) -> None:
    """Create the folder of a new search, or check that it is one to begin or to resume in.

    A process that dies before the first line of history leaves a folder that is empty, or nothing in it that
    counts: that one may be resumed. Raises FileError.
    """
    with explained(folder, "use the folder"):
        if not os.path.lexists(folder):
            if resume:
                fix = "leave out --resume to start one, or name its folder"
                raise FileError.of(str(folder), "there is no search to resume", fix)
            folder.mkdir()
            flush_folder(folder.parent)
        if not folder.is_dir():
            raise FileError.of(str(folder), "is a file, a folder is needed", "choose another path")
        _check_content(folder, resume)


def _check_content(folder: Path, resume: bool) -> None:
    history = folder / NAME
    started = history.exists()
    if started and not history.is_file():
        raise FileError.of(str(history), "is no ordinary file", "choose another folder")
    if started and (not resume or history.stat().st_size):
        return
    others = [path for path in folder.iterdir() if path != history and not path.match(_TEMPORARY)]
    if others and resume:
        what = "holds no search to resume, but other files"
        raise FileError.of(str(folder), what, "name the folder of a search, or start one in an empty folder")
    if others or (not resume and any(folder.iterdir())):
        raise FileError.of(str(folder), "the folder is not empty", "choose another one")


def remove_leftovers(folder: Path) -> None:
    """Remove what writing a file leaves behind when it is killed in the middle."""
    for place in (folder, folder / FRONT):
        for path in place.glob(_TEMPORARY):
            with suppress(OSError):
                path.unlink()


def write_best(folder: Path, genome: Genome) -> None:
    """Write RUN/best.json, whole or not at all."""
    _write(folder / BEST, genome)


def write_front(folder: Path, networks: Iterable[tuple[str, Genome]]) -> None:
    """Write RUN/front/NN-HASH12.json for networks by hash, in their order, and remove older ones."""
    front = folder / FRONT
    with explained(front, "use the folder"):
        front.mkdir(exist_ok=True)
    names = {f"{i:02}-{hash[:12]}.json": genome for i, (hash, genome) in enumerate(networks, start=1)}
    for name, genome in names.items():
        _write(front / name, genome)
    with explained(front, "clear the folder"):
        for path in list(front.iterdir()):
            if _FRONT_FILE.fullmatch(path.name) and path.name not in names:
                path.unlink()


def _write(path: Path, genome: Genome) -> None:
    """Write a genome; an error says that nothing of the search is lost."""
    try:
        write_atomic(path, dump_genome(genome))
    except FileError as error:
        told = (Problem(p.where, p.what, f"{p.fix}; then add --resume to go on") for p in error.problems)
        raise FileError(told) from error
