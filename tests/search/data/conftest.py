"""Folders of a test's own for data and cache, wherever the machine keeps its real ones."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder of MSC_DATA, with an empty cache and none of Debian's data sets."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("MSC_DATA", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("msc.search.data.places.DEBIAN_FOLDER", tmp_path / "debian")
    return folder
