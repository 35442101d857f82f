"""A small genome file, made once, that the tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import msc

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
