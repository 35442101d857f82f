"""Where files are looked for, what is told about missing ones, and how checksums are remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from msc.search.data.checksums import verify
from msc.search.data.places import DataFile, cache_folder, locate, roots
from tests.search.data.formats import put, refused

FILES = (DataFile("a.bin", "aa", "https://x.org/a"), DataFile("b.gz", "bb", "https://x.org/b", unpacked=True))


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_folders_are_searched_in_order(tmp_path: Path, data_folder: Path) -> None:
    assert roots() == (data_folder, tmp_path / "cache" / "msc", tmp_path / "debian")
    for root in reversed(roots()):
        place = fill(root / "set", "a.bin", "b.gz")
        assert locate("set", ("set", "Set/raw"), FILES) == {
            FILES[0]: place / "a.bin",
            FILES[1]: place / "b.gz",
        }


def test_other_folders_and_names_are_known(data_folder: Path) -> None:
    place = fill(data_folder / "Set/raw", "b", "A.bin")
    files = (replace(FILES[0], also=("A.bin",)), FILES[1])
    assert locate("set", ("set", "Set/raw"), files) == {files[0]: place / "A.bin", files[1]: place / "b"}


def test_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for useless in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", useless)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "msc"
    monkeypatch.delenv("MSC_DATA")
    assert roots()[0] == cache_folder()


def test_a_missing_set_says_where_it_was_looked_for_and_how_to_get_it(
    tmp_path: Path, data_folder: Path
) -> None:
    cache = tmp_path / "cache/msc"
    assert refused(lambda: locate("set", ("set", "."), FILES, package="dataset-set")) == [
        f"--data set: is in none of {data_folder}/set, {data_folder}, {cache}/set, {cache}, "
        f"{tmp_path}/debian/set, {tmp_path}/debian; run the commands below, or set MSC_DATA to a folder "
        "that holds set/, or on Debian: sudo apt-get install dataset-set",
        f"a.bin: is missing (MD5 aa); run: curl -fL --create-dirs -o {cache}/set/a.bin https://x.org/a",
        f"b.gz: is missing (MD5 unpacked bb); run: curl -fL --create-dirs -o {cache}/set/b.gz https://x.org/b",
    ]


def test_what_is_half_there_is_completed_where_it_is(data_folder: Path) -> None:
    fill(data_folder / "set", "a.bin")
    lines = refused(lambda: locate("set", ("set",), FILES))
    assert lines[0].startswith(
        f"--data set: is only partly in {data_folder}/set, and whole in none of {data_folder}/set, "
    )
    assert lines[1:] == [
        "b.gz: is missing (MD5 unpacked bb); "
        f"run: curl -fL --create-dirs -o {data_folder}/set/b.gz https://x.org/b"
    ]


def test_commands_survive_spaces(tmp_path: Path) -> None:
    command = FILES[0].command(Path("/a b"))
    assert command == "curl -fL --create-dirs -o '/a b/a.bin' https://x.org/a"


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
