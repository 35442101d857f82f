"""Published files, and the folders they are looked for in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from msc.compiler.cache import cache_folder

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


def roots() -> tuple[Path, ...]:
    """The folders that hold data sets, best first: $MSC_DATA, the cache, Debian's."""
    given = os.environ.get(DATA_VARIABLE)
    return (*((Path(given),) if given else ()), cache_folder(), DEBIAN_FOLDER)
