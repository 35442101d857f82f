"""Makes, without a network, a virtual environment that holds torch, safetensors and what these need."""

from __future__ import annotations

import subprocess
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from venv import EnvBuilder

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed_by(*names: str) -> set[str]:
    """List distributions and all that they require here, extras left out."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            requirements = map(Requirement, distribution(name).requires or [])
            waiting += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def make_environment(folder: Path, *names: str) -> Path:
    """Make an environment that sees these distributions and what they require; returns its Python.

    Their files and folders are linked, not copied; nothing else that is installed here can be imported.
    """
    EnvBuilder(symlinks=True, with_pip=False).create(folder)
    python = folder / "bin" / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    assert packages.is_relative_to(folder)
    for name in sorted(needed_by(*names)):
        files = distribution(name).files
        assert files, f"{name} does not say what it installed"
        for first in {PurePosixPath(file).parts[0] for file in files} - {"..", "__pycache__"}:
            link, installed = packages / first, Path(str(distribution(name).locate_file(first)))
            if not link.exists():
                link.symlink_to(installed, installed.is_dir())
    return python


def run_in(python: Path, folder: Path, *words: str) -> str:
    """Run that Python in a folder, without this environment's variables; returns what it printed."""
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [str(python), *words], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
