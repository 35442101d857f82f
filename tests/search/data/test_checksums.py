"""Checksums: compared, and remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from msc.compiler.cache import cache_folder
from msc.search.data.checksums import verify
from tests.search.data.formats import put, refused


def test_a_damaged_file_is_refused_with_both_checksums(data_folder: Path) -> None:
    file = put(data_folder / "set.zip", b"good")
    (data_folder / "set.zip").write_bytes(b"bad")
    assert refused(lambda: verify(data_folder / "set.zip", file)) == [
        f"{data_folder}/set.zip: is damaged or another file: the MD5 of its 3 bytes is "
        "bae60998ffe4923b131e3d6e4c19993e, 755f85c2723bb39381c7379a604160d8 is expected; remove it and run: "
        f"curl -fL --create-dirs -o {data_folder}/set.zip https://example.org/set.zip"
    ]


def test_a_checksum_is_compared_once_while_the_file_stays_as_it_is(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_folder / "set.zip"
    file = put(path, b"good")
    read: list[Path] = []
    monkeypatch.setattr("msc.search.data.checksums._md5_of", lambda p: read.append(p) or file.md5)
    verify(path, file)
    verify(path, file)
    assert read == [path]
    os.utime(path, ns=(1, 1))
    verify(path, file)
    assert read == [path, path]
    path.write_bytes(b"larger")
    os.utime(path, ns=(1, 1))
    verify(path, file)
    assert read == [path, path, path]
    mark = next((cache_folder() / "checked").iterdir())
    mark.write_bytes(b"\xff" * 20_000)
    verify(path, file)
    assert read == [path] * 4
    other = replace(file, md5="0" * 32)
    assert "is expected" in refused(lambda: verify(path, other))[0]


def test_a_cache_that_cannot_be_written_costs_only_time(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file in its place")
    path = data_folder / "set.zip"
    file = put(path, b"good")
    verify(path, file)
    verify(path, file)
