"""Runs `msc` as its user does: in a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

MSC = (sys.executable, "-c", "from msc.compiler.cli import main; main()")
LIMIT_SECONDS = 300


class Call(Protocol):
    """Runs a command in this process, in a test's own folder unless another is named."""

    def __call__(
        self, *arguments: str | Path, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `msc` with these arguments."""
        ...


def environment(**changes: str) -> dict[str, str]:
    """The environment of a command: one thread, 80 columns, nothing of the test runner's terminal."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "NO_COLOR": "1", **changes}


def msc(
    *arguments: str | Path, folder: Path, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; options go to subprocess.run."""
    settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": LIMIT_SECONDS, **options}
    return subprocess.run(
        [*MSC, *map(str, arguments)], cwd=folder, env=environment(**(env or {})), **settings
    )


def refused(result: subprocess.CompletedProcess[str], *expected: str) -> list[str]:
    """Check that a command was refused: exit 2, no traceback, a line per problem; returns those lines."""
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("no --")]
    for text in expected:
        assert any(text in line for line in lines), (text, result.stderr)
    for line in lines:
        assert ": " in line, line
        assert "; " in line, line
    return lines
