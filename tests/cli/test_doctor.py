"""`msc doctor` says what is there and what is missing, and works where nearly everything is missing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from msc.compiler.cli.doctor_packages import fits
from tests.cli.calling import MSC, environment, msc, refused

HIDE = """
import sys
from importlib import metadata, util
hidden = {names!r}
find_spec, version = util.find_spec, metadata.version
def no_version(name):
    if name in hidden:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = no_version
util.find_spec = lambda name, package=None: None if name in hidden else find_spec(name, package)
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from msc.compiler.cli import main
main()
"""


def msc_without(
    *names: str, arguments: list[str], folder: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run msc in a process in which some packages cannot be found."""
    code = HIDE.format(names=names)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, cwd=folder, env=environment(**env), timeout=120,
    )  # fmt: skip


def test_lists_every_part_within_80_columns(tmp_path: Path) -> None:
    result = msc("doctor", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    for part in ("numpy", "nir", "torch", "spikingjelly", "snntorch", "norse", "nirtorch", "lava-nc"):
        assert part in result.stdout
    table = result.stdout.split("\n\n")[1].splitlines()
    assert table[0].split() == ["part", "version", "state", "enables"]
    assert max(map(len, table)) <= 80


def test_json_says_the_same(tmp_path: Path) -> None:
    found = json.loads(msc("doctor", "--json", folder=tmp_path).stdout)
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["torch"]["required"]
    assert not parts["norse"]["required"]
    assert parts["numpy"]["state"] == "ok"


def lava_parts(folder: Path, **env: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What doctor says of lava-nc and lava-dl, as JSON, where nothing but `env` has them."""
    hidden = {"MSC_CACHE": str(folder / "cache"), "LAVA_PYTHON": ""}
    result = msc("doctor", "--json", folder=folder, env={**hidden, **env})
    assert result.returncode == 0, result.stderr
    parts = {part["name"]: part for part in json.loads(result.stdout)["parts"]}
    return parts["lava-nc"], parts["lava-dl"]


def test_lava_is_told_where_it_is_missing(tmp_path: Path) -> None:
    lava, netx = lava_parts(tmp_path)
    assert (lava["state"], lava["install"]) == ("missing", "msc doctor --install lava")
    assert (netx["state"], netx["install"]) == ("missing", "msc doctor --install lava-dl")
    assert lava["where"].startswith(f"the environment {tmp_path / 'cache'}")
    assert lava["where"].endswith(" does not exist")


def test_lava_is_told_where_it_is(tmp_path: Path) -> None:
    answer = '{"lava-nc": "0.10.0"}'
    (tmp_path / "python").write_text(f"#!/bin/sh\necho 'msc-probe {answer}'\n")
    (tmp_path / "python").chmod(0o755)
    lava, netx = lava_parts(tmp_path, LAVA_PYTHON=str(tmp_path / "python"))
    assert (lava["state"], lava["found"]) == ("ok", "0.10.0")
    assert lava["where"] == f"LAVA_PYTHON={tmp_path / 'python'}"
    pip = f"{tmp_path / 'python'} -m pip install --no-deps lava-dl==0.6.0 h5py"
    assert (netx["state"], netx["install"]) == ("missing", pip)


def test_a_wrong_lava_python_is_told(tmp_path: Path) -> None:
    lava, _ = lava_parts(tmp_path, LAVA_PYTHON="/nowhere/python")
    assert lava["state"] == "missing"
    assert lava["where"] == "LAVA_PYTHON=/nowhere/python does not exist"
    assert lava["install"] == "unset LAVA_PYTHON; msc doctor --install lava"
    shown = msc("doctor", folder=tmp_path, env={"LAVA_PYTHON": "/nowhere/python"}).stdout
    assert f"lava-nc (optional; verify/run --on lava):\n  {lava['where']}\n  {lava['install']}\n" in shown


def test_what_doctor_cannot_install_is_refused(tmp_path: Path) -> None:
    lines = refused(msc("doctor", "--install", "lava", "--install", "torch", folder=tmp_path))
    assert lines == ["--install torch: is nothing that doctor installs; choose from: lava, lava-dl"]


def test_missing_simulator_is_named_with_its_command(tmp_path: Path) -> None:
    result = msc_without("norse", arguments=["doctor"], folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "norse (optional; verify/run --on norse):" in result.stdout
    command = next(line for line in result.stdout.splitlines() if "pip install" in line)
    words = shlex.split(command)
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    assert words[4].startswith("norse")
    assert ">=1.1" in words[4]


@pytest.mark.parametrize("name", ["numpy", "torch", "nir", "h5py", "scikit-learn", "msgspec", "rich"])
def test_missing_needed_part_fails_the_check(tmp_path: Path, name: str) -> None:
    module = {"scikit-learn": "sklearn"}.get(name, name)
    result = msc_without(name, module, arguments=["doctor"], folder=tmp_path)
    assert result.returncode == 1, result.stderr
    assert f"{name} (needed; " in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        ("2.13.0+cpu", "<2.14,>=2.9", True),
        ("2.14", "<2.14,>=2.9", False),
        ("2.8.9", "<2.14,>=2.9", False),
        ("1.10", ">=1.9", True),
        ("3.0", "", True),
    ],
)
def test_versions_are_compared_as_numbers(found: str, wanted: str, answer: bool) -> None:
    assert fits(found, wanted) is answer


def test_help_needs_no_package_but_typer(tmp_path: Path) -> None:
    names = ("numpy", "networkx", "torch", "nir", "h5py", "sklearn", "rich", "msgspec", "safetensors")
    result = msc_without(*names, arguments=["--help"], folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert MSC[0] == sys.executable


def test_a_command_without_its_package_says_what_is_missing(genome: Path, tmp_path: Path) -> None:
    arguments = ["compile", str(genome), "--target", "nir", "-o", "out"]
    result = msc_without("nir", arguments=arguments, folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "nir: is not installed; msc doctor says what installs it"
    assert not list(tmp_path.iterdir())


def test_artefacts_are_read_without_the_packages_of_others(genome: Path, tmp_path: Path) -> None:
    """Whose folder it is, is asked of every target: none may import its package for that."""
    assert msc("compile", genome, "--target", "pytorch", "-o", "out", folder=tmp_path).returncode == 0
    result = msc_without("nir", "h5py", "onnx", arguments=["show", "out"], folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("pytorch artefact out\n")


def test_an_artefact_without_its_package_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "network.onnx").write_bytes(b"")
    result = msc_without("onnx", arguments=["show", "out"], folder=tmp_path)
    assert result.returncode == 2
    command = 'python -m pip install "onnx>=1.18,<2" "onnxruntime>=1.20,<2"'
    assert result.stderr == f"onnx: not installed; {command}\n"


def test_a_simulator_that_is_missing_is_refused_by_name(genome: Path, tmp_path: Path) -> None:
    result = msc_without("norse", arguments=["verify", str(genome), "--on", "norse"], folder=tmp_path)
    assert result.returncode == 2
    expected = "--on norse: norse not installed; install with: python -m pip install"
    assert result.stderr.splitlines()[-1].startswith(expected)


def test_without_simulators_ours_are_verified(genome: Path, tmp_path: Path) -> None:
    names = ("norse", "nirtorch", "snntorch", "spikingjelly", "onnx")
    arguments = ["verify", str(genome), "--weights", "dyadic"]
    lavaless = {"MSC_CACHE": str(tmp_path), "LAVA_PYTHON": ""}
    result = msc_without(*names, arguments=arguments, folder=tmp_path, **lavaless)
    assert result.returncode == 0, result.stderr
    verdicts = dict(
        line.split()[:2] for line in result.stdout.split("\n\n")[0].splitlines() if line[0] != " "
    )
    ours = {"simulator": "verdict", "pytorch": "equal", "module": "equal", "loihi": "equal"}
    assert verdicts == {**ours, **dict.fromkeys((*names, "lava"), "cannot")}
