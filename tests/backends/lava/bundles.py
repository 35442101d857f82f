"""Bundles of small networks, and bundles that somebody changed without leaving a trace in the checksums."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from msc.backends.lava.bundle import NETWORK, SUMS, WEIGHTS, bundle_files
from msc.compiler.passes.retime import PASS as RETIME
from msc.ir.network import Model
from tests.fixed_networks import FIXED


def machine_model(name: str) -> Model:
    """A fixture in machine time."""
    return RETIME.run(FIXED[name]).model


def write(folder: Path, machine: Model) -> Path:
    """Write a bundle into a folder, which is returned."""
    for name, data in bundle_files(machine).items():
        (folder / name).write_bytes(data)
    return folder


def forge(folder: Path, name: str, data: bytes) -> None:
    """Replace a file of a bundle and its checksum: what a careful vandal does."""
    (folder / name).write_bytes(data)
    names = (NETWORK, "run_lava.py", WEIGHTS)
    sums = "".join(f"{sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names)
    (folder / SUMS).write_text(sums)


def forge_network(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what network.json says, checksum and all."""
    content = json.loads((folder / NETWORK).read_text())
    change(content)
    forge(folder, NETWORK, json.dumps(content).encode())


def script(folder: Path, patch: pytest.MonkeyPatch) -> ModuleType:
    """Import a bundle's run_lava.py as a module, for as long as `patch` lasts."""
    spec = importlib.util.spec_from_file_location("run_lava", folder / "run_lava.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module
