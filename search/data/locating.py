"""Finding all files of a data set in one folder, wherever that is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msc.compiler.cache import cache_folder
from msc.ir.errors import Problem
from msc.search.data import DataError
from msc.search.data.download import fetch
from msc.search.data.places import DATA_VARIABLE, DataFile, roots
from msc.search.data.request import Request


def locate(
    data: str, folders: Sequence[str], files: Sequence[DataFile], request: Request, package: str = ""
) -> dict[DataFile, Path]:
    """Find all files of a data set in one folder: the first of `folders` in the first root that has them.

    What is in none is fetched where the request allows it: into the cache, or to those that are there
    already. The first file that cannot be fetched ends it, those that came stay.
    Raises DataError of what went wrong in fetching; or, where nothing may be fetched, one that says where
    the files were looked for, and for each missing one its checksum and the command that fetches it;
    `package` is Debian's, if there is one.
    """
    places = [root / folder for root in roots() for folder in folders]
    target, found = _fullest(places, files, cache_folder() / folders[0])
    absent = [file for file in files if file not in found]
    if not absent:
        return found
    if request.download:
        return found | {file: fetch(file, target, request.progress) for file in absent}
    debian = f", or on Debian: sudo apt-get install {package}" if package else ""
    partly = f"only partly in {target}, and whole " if found else ""
    whole = Problem(
        f"--data {data}",
        f"is {partly}in none of {', '.join(map(str, places))}",
        f"run the commands below, or add --download (train, energy), or set {DATA_VARIABLE} to a folder "
        f"that holds {folders[0]}/{debian}",
    )
    raise DataError([whole, *(_missing(file, target) for file in absent)])


def _fullest(
    places: Sequence[Path], files: Sequence[DataFile], new: Path
) -> tuple[Path, dict[DataFile, Path]]:
    """Find the first place that has all files, else the one that has most and can be added to, else `new`."""
    fullest, found = new, dict[DataFile, Path]()
    for place in places:
        present = _present(place, files)
        if len(present) == len(files):
            return place, present
        if len(present) > len(found) and os.access(place, os.W_OK):
            fullest, found = place, present
    return fullest, found


def _missing(file: DataFile, target: Path) -> Problem:
    kind = "MD5 unpacked" if file.unpacked else "MD5"
    return Problem(file.name, f"is missing ({kind} {file.md5})", f"run: {file.command(target)}")


def _present(place: Path, files: Sequence[DataFile]) -> dict[DataFile, Path]:
    found: dict[DataFile, Path] = {}
    for file in files:
        for name in file.names:
            if os.path.isfile(place / name):
                found[file] = place / name
                break
    return found
