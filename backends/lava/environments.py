"""The places where a Python with Lava may be, and what is there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path

from msc.backends.lava.processes import supervised
from msc.compiler.cache import cache_folder

VARIABLE = "LAVA_PYTHON"
LAVA, LAVA_DL = "lava-nc", "lava-dl"
LAVA_VERSION = "0.10.0"
LAVA_DL_VERSION = "0.6.0"
INSTALL = "msc doctor --install lava"
PROBE_SECONDS = 60.0
_ANSWER = "msc-probe "
# The parts of Lava imported here need no shim on Python 3.11; those that do are the bundle's to import.
_PROBE = f"""
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {{}}
for name in ("{LAVA}", "{LAVA_DL}"):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
if "{LAVA}" in found:
    import numpy
    import lava.magma.core.run_configs
print("{_ANSWER}" + json.dumps(found))
"""


@dataclass(frozen=True)
class Place:
    """One place that was looked at: `python` is None where it cannot be used, `why` then says why.

    `name` is how a person knows it, `versions` what is installed there of Lava's distributions.
    """

    name: str
    python: Path | None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    why: str = ""


def environment_folder() -> Path:
    """The environment that `msc doctor --install lava` builds for the version of Python that runs."""
    return cache_folder() / f"lava-{LAVA_VERSION}-py{sys.version_info[0]}.{sys.version_info[1]}"


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def places() -> tuple[Place, ...]:
    """Look at every place, best first; LAVA_PYTHON alone where it is set, for it was set on purpose."""
    given = os.environ.get(VARIABLE, "")
    return (_named(given),) if given else (_running(), _cached())


def fits(found: str) -> bool:
    """Whether a version of lava-nc is one of those that were measured."""
    return found == "0.10" or found.startswith("0.10.")


def probe(python: Path, seconds: float = PROBE_SECONDS) -> tuple[dict[str, str], str]:
    """Have an interpreter import Lava; returns the versions it found and what is wrong ("": nothing)."""
    try:
        with supervised() as run:
            ended = run.call([python, "-c", _PROBE], seconds)
    except OSError as error:
        return {}, f"cannot be run ({(error.strerror or str(error)).lower()})"
    if ended.code is None:
        return {}, f"gave no answer within {seconds:g} s"
    if ended.code != 0:
        return {}, ended.ending
    answers = [line for line in ended.stdout.splitlines() if line.startswith(_ANSWER)]
    if not answers:
        return {}, "does not answer as a Python does"
    versions = _versions(answers[-1].removeprefix(_ANSWER))
    return versions, _unfit(versions)


def installed_in(environment: Path) -> dict[str, str]:
    """The versions of Lava's distributions in an environment's folders, which nothing is run for."""
    folders = [str(path) for path in environment.glob("lib/python3.*/site-packages")]
    found: dict[str, str] = {}
    for name in (LAVA, LAVA_DL):
        for distribution in distributions(name=name, path=folders):
            found[name] = distribution.version
    return found


def _named(given: str) -> Place:
    """Look at what LAVA_PYTHON names: a path, or a command to be found on PATH."""
    name = f"{VARIABLE}={given}"
    found = shutil.which(given)
    if found is None:
        what = (
            "is a folder"
            if os.path.isdir(given)
            else "is no program"
            if os.path.exists(given)
            else "does not exist"
        )
        return Place(name, None, why=what)
    python = Path(found).absolute()
    versions, why = probe(python)
    return Place(name, None if why else python, versions, why)


def _running() -> Place:
    """Look, without importing anything, at the interpreter that runs."""
    name = f"this Python ({sys.executable})"
    versions: dict[str, str] = {}
    for distribution in (LAVA, LAVA_DL):
        try:
            versions[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    why = _unfit(versions)
    if not why and (find_spec("lava") is None or find_spec("lava.magma") is None):
        why = "its lava-nc is not complete"
    return Place(name, None if why else Path(sys.executable), versions, why)


def _cached() -> Place:
    folder = environment_folder()
    name = f"the environment {folder}"
    if not folder.is_dir():
        return Place(name, None, why="does not exist")
    versions = installed_in(folder)
    python = python_of(folder)
    why = _unfit(versions) if os.access(python, os.X_OK) else "is broken: its Python is gone"
    return Place(name, None if why else python, versions, why)


def _unfit(versions: Mapping[str, str]) -> str:
    if LAVA not in versions:
        return f"has no {LAVA}"
    return "" if fits(versions[LAVA]) else f"has {LAVA} {versions[LAVA]}, 0.10 is needed"


def _versions(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(number) for name, number in found.items()} if isinstance(found, dict) else {}
