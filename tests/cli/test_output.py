"""Answers on stdout, notes on stderr, 80 columns, and streams that are closed, full or have no reader."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.compiler.cli.output import WIDTH, table
from tests.cli.calling import MSC, environment, msc

COMMANDS = ("new", "show", "compile", "run", "verify", "energy", "search", "doctor", "demo")
WORDS = st.text(alphabet="abc de,;:", max_size=150)


def test_help_lists_the_commands_within_80_columns(tmp_path: Path) -> None:
    result = msc("--help", folder=tmp_path)
    assert result.returncode == 0
    assert not result.stderr
    assert all(f"  {name} " in result.stdout for name in COMMANDS)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert not re.search(r"\w\.\.\.", result.stdout), "a summary is cut short"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_within_80_columns(tmp_path: Path, command: str) -> None:
    result = msc(command, "--help", folder=tmp_path, env={"COLUMNS": "200"})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


@given(rows=st.lists(st.tuples(st.text("ab", max_size=12), st.integers(0, 10**6), WORDS), max_size=5))
def test_tables_are_aligned_and_narrow(rows: list[tuple[str, int, str]]) -> None:
    lines = table(rows, ("name", "count", "why")).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)
    text = " ".join(lines).split()
    for _, count, why in rows:
        assert str(count) in text
        assert sorted(why.replace(" ", "")) == sorted(why.replace(" ", ""))


def test_numbers_stand_to_the_right() -> None:
    lines = table([("a", 5), ("b", 10)], ("name", "count")).splitlines()
    assert lines == ["name  count", "a         5", "b        10"]


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["doctor", "--json"]])
def test_full_stdout_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        result = msc(*arguments, folder=tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 2
    expected = "stdout: cannot be written (no space left on device); free space, or send the answer elsewhere"
    assert result.stderr.splitlines() == [expected]


@pytest.mark.parametrize("arguments", ["--help", "doctor", "doctor --json"])
def test_a_reader_that_leaves_is_no_error(tmp_path: Path, arguments: str) -> None:
    process = subprocess.Popen(
        [*MSC, *arguments.split()],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() in (0, 1)
    process.stderr.close()


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f'"$0" -c "$1" doctor {closed}'
        result = subprocess.run(
            ["sh", "-c", command, MSC[0], MSC[2]],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert (result.returncode, "Traceback" in result.stderr) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["compile", "g.json"], "Missing option '--target'"),
        (["nothing"], "No such command 'nothing'"),
        (["show"], "Missing argument 'GENOME|NIR|OUT'"),
        (["new", "--seed", "-1"], "Invalid value for '--seed'"),
        (["new", "--space", "other"], "Invalid value for '--space'"),
    ],
)
def test_wrong_calls_exit_2(tmp_path: Path, arguments: list[str], text: str) -> None:
    result = msc(*arguments, folder=tmp_path)
    assert result.returncode == 2
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout
