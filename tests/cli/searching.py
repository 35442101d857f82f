"""Calls `msc search` in this process, where torch is loaded once, and knows a search of a second."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from msc.compiler.cli.app import run_app

SIZES = ("--channels", "4", "--layers", "2", "--batch", "8", "--finalists", "2")
SMALL = ("--data", "digits", *SIZES, "--population", "4", "--generations", "2")


class Answer(NamedTuple):
    """What a command left on its streams, and its exit code."""

    code: int
    stdout: str
    stderr: str


class Caller:
    """Calls msc with arguments, as a process would, and hands back what it said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["msc", *map(str, arguments)])
        self._capsys.readouterr()
        code = run_app()
        return Answer(code, *self._capsys.readouterr())

    def search(self, *arguments: str | Path) -> Answer:
        """Call `msc search`."""
        return self("search", *arguments)

    def refused(self, *arguments: str | Path) -> list[str]:
        """Call `msc search`, which must end with exit 2 and a line per problem; returns the lines."""
        answer = self.search(*arguments)
        assert answer.code == 2, answer
        assert not answer.stdout
        lines = answer.stderr.splitlines()
        assert lines
        assert all(": " in line and "; " in line for line in lines), lines
        return lines


def contents(folder: Path, *left_out: str) -> dict[str, bytes]:
    """All files below a folder."""
    files: Any = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in left_out)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
