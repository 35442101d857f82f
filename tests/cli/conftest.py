"""What the tests of the commands share, made once: genome files, artefacts and NIR files."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import pytest

from tests.cli.artefacts import FLOATING, foreign_nir
from tests.cli.calling import Call, msc
from tests.cli.searching import Caller
from tests.requires import require

SMALL = ("--input-shape", "1,8,8", "--classes", "3", "--channels", "4", "--layers", "2", "--timesteps", "4")


@pytest.fixture(scope="session")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connected mse-nas genome with a static input of [1, 8, 8]."""
    folder = tmp_path_factory.mktemp("genome")
    result = msc("new", "--seed", "3", *SMALL, "-o", "small.json", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "small.json"


@pytest.fixture(scope="session")
def events_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connected mse-nas genome with events of [2, 8, 8] as input."""
    folder = tmp_path_factory.mktemp("events")
    shape = (
        "--input",
        "events",
        "--input-shape",
        "2,8,8",
        "--classes",
        "3",
        "--channels",
        "4",
        "--layers",
        "2",
    )
    result = msc("new", "--seed", "5", *shape, "-o", "events.json", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "events.json"


@pytest.fixture(scope="session")
def cell_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connected snasnet genome."""
    folder = tmp_path_factory.mktemp("cells")
    shape = ("--input-shape", "1,8,8", "--classes", "3", "--channels", "4")
    result = msc("new", "--space", "snasnet", "--seed", "1", *shape, "-o", "cells.json", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "cells.json"


@pytest.fixture(scope="session")
def digits_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connected mse-nas genome that fits digits."""
    folder = tmp_path_factory.mktemp("digits")
    shape = ("--input-shape", "1,8,8", "--channels", "4", "--layers", "2", "--timesteps", "2")
    result = msc("new", "--seed", "3", *shape, "-o", "g.json", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "g.json"


@pytest.fixture(scope="session")
def bundle(genome: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small genome compiled for lava."""
    folder = tmp_path_factory.mktemp("bundle")
    result = msc("compile", genome, "--target", "lava", "-o", "out", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "out"


@pytest.fixture(scope="session")
def artefacts(genome: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small genome compiled for every target, with dyadic weights where they are not rounded anyway."""
    require("onnx")
    folder = tmp_path_factory.mktemp("artefacts")
    for target in FLOATING:
        call = ("compile", genome, "--weights", "dyadic", "--target", target, "-o", target)
        result = msc(*call, folder=folder)
        assert result.returncode == 0, result.stderr
    return {"lava": bundle, **{target: folder / target for target in FLOATING}}


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NIR file that msc did not write."""
    return foreign_nir(tmp_path_factory.mktemp("foreign") / "other.nir")


@pytest.fixture(scope="session")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NIR file with a recurrent layer."""
    return foreign_nir(tmp_path_factory.mktemp("looped") / "looped.nir", loop=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs commands in this process, which is faster; what numpy warns of is an error."""
    call = Caller(monkeypatch, capsys)

    def run(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path if folder is None else folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return subprocess.CompletedProcess(arguments, *call(*arguments))

    return run
