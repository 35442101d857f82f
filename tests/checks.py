"""Runs every check of the project: lint, format, types, tests (`tests/checks.py [pytest arguments]`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ir", "compiler", "backends", "search")
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}
TESTS = ["pytest", "-q", "-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup"]


def link_packages() -> None:
    """Make .typing/msc, a folder of links through which pyright finds the packages by their names."""
    links = ROOT / ".typing" / "msc"
    links.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        link = links / package
        if not link.is_symlink():
            link.symlink_to(Path("..", "..", package))


def run(name: str, arguments: list[str]) -> bool:
    """Run one tool of this environment in the project's root; says whether it succeeded."""
    print(f"== {name}", flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=environment).returncode == 0


def main() -> int:
    """Run all checks, even after one has failed; returns 1 if any did."""
    link_packages()
    failed = [name for name, arguments in CHECKS.items() if not run(name, arguments)]
    if not run("pytest", [*TESTS, *sys.argv[1:]]):
        failed.append("pytest")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
