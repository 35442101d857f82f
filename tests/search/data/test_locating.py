"""Finding the files of a set: where they are looked for, and what is told about missing ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msc.search.data.locating import locate
from msc.search.data.places import DataFile, roots
from msc.search.data.request import Request
from tests.search.data.formats import refused

FILES = (DataFile("a.bin", "aa", "https://x.org/a"), DataFile("b.gz", "bb", "https://x.org/b", unpacked=True))
AS_IT_IS = Request()


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_folders_are_searched_in_order(tmp_path: Path, data_folder: Path) -> None:
    assert roots() == (data_folder, tmp_path / "cache" / "msc", tmp_path / "debian")
    for root in reversed(roots()):
        place = fill(root / "set", "a.bin", "b.gz")
        assert locate("set", ("set", "Set/raw"), FILES, AS_IT_IS) == {
            FILES[0]: place / "a.bin",
            FILES[1]: place / "b.gz",
        }


def test_other_folders_and_names_are_known(data_folder: Path) -> None:
    place = fill(data_folder / "Set/raw", "b", "A.bin")
    files = (replace(FILES[0], also=("A.bin",)), FILES[1])
    assert locate("set", ("set", "Set/raw"), files, AS_IT_IS) == {
        files[0]: place / "A.bin",
        files[1]: place / "b",
    }


def test_a_missing_set_says_where_it_was_looked_for_and_how_to_get_it(
    tmp_path: Path, data_folder: Path
) -> None:
    cache = tmp_path / "cache/msc"
    assert refused(lambda: locate("set", ("set", "."), FILES, AS_IT_IS, package="dataset-set")) == [
        f"--data set: is in none of {data_folder}/set, {data_folder}, {cache}/set, {cache}, "
        f"{tmp_path}/debian/set, {tmp_path}/debian; run the commands below, or add --download "
        "(train, energy), or set MSC_DATA to a folder that holds set/, or on Debian: "
        "sudo apt-get install dataset-set",
        f"a.bin: is missing (MD5 aa); run: curl -fL --create-dirs -o {cache}/set/a.bin https://x.org/a",
        f"b.gz: is missing (MD5 unpacked bb); run: curl -fL --create-dirs -o {cache}/set/b.gz https://x.org/b",
    ]


def test_what_is_half_there_is_completed_where_it_is(data_folder: Path) -> None:
    fill(data_folder / "set", "a.bin")
    lines = refused(lambda: locate("set", ("set",), FILES, AS_IT_IS))
    assert lines[0].startswith(
        f"--data set: is only partly in {data_folder}/set, and whole in none of {data_folder}/set, "
    )
    assert lines[1:] == [
        "b.gz: is missing (MD5 unpacked bb); "
        f"run: curl -fL --create-dirs -o {data_folder}/set/b.gz https://x.org/b"
    ]
