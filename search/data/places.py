"""Where the files of a data set are looked for, and how a missing one is fetched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from msc.ir.errors import Problem
from msc.search.data import DataError

DATA_VARIABLE = "MSC_DATA"
DEBIAN_FOLDER = Path("/usr/share/datasets")


@dataclass(frozen=True)
class DataFile:
    """One published file: its name, the MD5 its publisher gives, and where it is fetched.

    `also` are other names it goes by. `unpacked`: the MD5 is that of what the .gz file unpacks to, which
    also stays the same where somebody packed it anew or left it unpacked.
    """

    name: str
    md5: str
    url: str
    also: tuple[str, ...] = ()
    unpacked: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names it may have in a folder."""
        plain = (self.name.removesuffix(".gz"),) if self.unpacked else ()
        return (self.name, *plain, *self.also)

    def command(self, folder: Path) -> str:
        """The command that fetches it into a folder."""
        return f"curl -fL --create-dirs -o {quote(str(folder / self.name))} {quote(self.url)}"


def cache_folder() -> Path:
    """The folder of what can be made or fetched again: $XDG_CACHE_HOME/msc, else ~/.cache/msc."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "msc"


def roots() -> tuple[Path, ...]:
    """The folders that hold data sets, best first: $MSC_DATA, the cache, Debian's."""
    given = os.environ.get(DATA_VARIABLE)
    return (*((Path(given),) if given else ()), cache_folder(), DEBIAN_FOLDER)


def locate(
    data: str, folders: Sequence[str], files: Sequence[DataFile], package: str = ""
) -> dict[DataFile, Path]:
    """Find all files of a data set in one folder: the first of `folders` in the first root that has them.

    Raises DataError that says where they were looked for, and for each missing file its checksum and the
    command that fetches it; `package` is Debian's, if there is one.
    """
    places = [root / folder for root in roots() for folder in folders]
    target, begun = cache_folder() / folders[0], dict[DataFile, Path]()
    for place in places:
        found = _present(place, files)
        if len(found) == len(files):
            return found
        if len(found) > len(begun) and os.access(place, os.W_OK):
            target, begun = place, found
    debian = f", or on Debian: sudo apt-get install {package}" if package else ""
    partly = f"only partly in {target}, and whole " if begun else ""
    whole = Problem(
        f"--data {data}",
        f"is {partly}in none of {', '.join(map(str, places))}",
        f"run the commands below, or set {DATA_VARIABLE} to a folder that holds {folders[0]}/{debian}",
    )
    raise DataError([whole, *(_missing(file, target) for file in files if file not in begun)])


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
