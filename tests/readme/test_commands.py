"""The README's commands exist and run, in its order; its two setup lines are what CI runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calling import msc

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUP = "python3 -m venv .venv && "
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.strip()
]
COMMANDS = [line for line in LINES if line.startswith("msc ")]
SLOW = ["verify", "genome.json"]


def test_setup_is_exactly_two_commands() -> None:
    setup = [line for line in LINES if line.startswith(SETUP)]
    assert len(setup) == 2
    assert len(setup) + len(COMMANDS) == len(LINES)
    assert setup[0].endswith("&& .venv/bin/msc demo")
    assert setup[1].endswith("&& .venv/bin/python tests/checks.py")


def test_ci_runs_the_readmes_test_command() -> None:
    """CI takes the first line of the README that names tests/checks.py: it must be the setup line."""
    script = (ROOT / ".ci" / "run").read_text()
    assert "grep -m 1 -F 'tests/checks.py' README.md" in script
    first = next(line for line in README.splitlines() if "tests/checks.py" in line)
    assert first.startswith(SETUP)


def test_commands_run_in_order(tmp_path: Path) -> None:
    """Every `msc` line of the README, in one empty folder; a genome is verified on our own executor only."""
    frames = np.random.default_rng(0).integers(0, 2, (3, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "frames.npy", frames)
    for line in COMMANDS:
        arguments = shlex.split(line)[1:]
        if arguments[:2] == SLOW:
            arguments += ["--on", "pytorch"]
        result = msc(*arguments, folder=tmp_path)
        assert result.returncode == 0, f"{line}\n{result.stderr}"
    for made in (
        "genome.svg",
        "genome-nir/network.nir",
        "genome-pytorch/network.py",
        "genome-onnx/network.onnx",
        "module.npz",
        "onnx-from-nir/network.onnx",
        "spikes.npz",
        "wider.json",
        "energy.html",
    ):
        assert (tmp_path / made).stat().st_size > 0


@pytest.mark.parametrize(
    "name", ["new", "show", "compile", "run", "verify", "energy", "search", "doctor", "demo"]
)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"msc {name}" in README


def test_every_option_in_the_readme_exists(tmp_path: Path) -> None:
    for line in COMMANDS:
        command, *rest = shlex.split(line)[1:]
        known = msc(command, "--help", folder=tmp_path).stdout
        for option in rest:
            if option.startswith("-"):
                assert re.search(rf"(?<!\S){re.escape(option)}\b", known), f"{line}: {option}"
