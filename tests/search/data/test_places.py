"""Where data sets are looked for, and how a file is fetched by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from msc.compiler.cache import cache_folder
from msc.search.data.places import DataFile, roots


def test_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for useless in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", useless)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "msc"
    monkeypatch.delenv("MSC_DATA")
    assert roots()[0] == cache_folder()


def test_commands_survive_spaces(tmp_path: Path) -> None:
    command = DataFile("a.bin", "aa", "https://x.org/a").command(Path("/a b"))
    assert command == "curl -fL --create-dirs -o '/a b/a.bin' https://x.org/a"
