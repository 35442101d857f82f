"""The packages that msc declares: which are installed here, what each enables, and what installs it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

DISTRIBUTION = "msc-snn"
ENABLES: Mapping[str, str] = {
    "numpy": "the reference simulator: everything",
    "networkx": "graph questions: everything",
    "msgspec": "weights files",
    "typer": "this command line",
    "rich": "progress on a terminal",
    "safetensors": "weights files, target pytorch",
    "nir": "target nir, NIR files",
    "h5py": "target nir, NIR files",
    "torch": "target pytorch, --on pytorch and module, msc train",
    "scikit-learn": "the digits data set, msc demo",
    "nirtorch": "verify/run --on nirtorch and norse",
    "spikingjelly": "verify/run --on spikingjelly",
    "snntorch": "verify/run --on snntorch",
    "norse": "verify/run --on norse",
    "scipy": "msc search: the statistics of its report",
    "pymoo": "msc search: evolution",
    "pillow": "data: folders of images",
    "matplotlib": "msc search, msc train: the figures of reports",
    "onnx": "target onnx, verify/run --on onnx",
    "onnxruntime": "verify/run --on onnx",
    "ray": "msc search --ray",
}
EXTRAS = ("simulators", "onnx", "ray")
MODULES: Mapping[str, str] = {"scikit-learn": "sklearn", "pillow": "PIL"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_BOUND = re.compile(r"(>=|<)\s*([0-9][0-9.]*)")


@dataclass(frozen=True)
class Part:
    """One package: what is found of it, what it is needed for, and the command that installs it.

    `where`: for a part that need not be in the Python that runs, which one has it or what is wrong there.
    """

    name: str
    found: str | None
    wanted: str
    required: bool
    enables: str
    state: str
    install: str
    where: str | None = None


def package_parts() -> Iterator[Part]:
    """Look for every package msc declares and doctor knows a use of, without importing any."""
    for requirement in requires(DISTRIBUTION) or ():
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None or match[1] not in ENABLES:
            continue
        name, wanted, marker = match[1], match[2].strip(), match[3] or ""
        if "extra" in marker and not any(f'"{extra}"' in marker for extra in EXTRAS):
            continue
        found = _installed(name)
        yield Part(
            name=name,
            found=found,
            wanted=wanted,
            required="extra" not in marker,
            enables=ENABLES[name],
            state="missing" if found is None else "ok" if fits(found, wanted) else f"needs {wanted}",
            install=f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(name + wanted)}",
        )


def fits(found: str, wanted: str) -> bool:
    """Whether a version lies within `>=` and `<` bounds (other kinds of bound are not judged)."""
    for relation, bound in _BOUND.findall(wanted):
        at_least = _numbers(found) >= _numbers(bound)
        if at_least != (relation == ">="):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0]))


def _installed(name: str) -> str | None:
    try:
        found = version(name)
    except PackageNotFoundError:
        return None
    return found if find_spec(MODULES.get(name, name)) is not None else None
