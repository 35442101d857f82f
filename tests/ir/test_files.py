"""Files are read within limits and written whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from msc.ir import files
from msc.ir.files import FileError, read_limited, write_atomic, write_folder_atomic


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


class TestRead:
    def test_returns_the_bytes_up_to_the_limit(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"12345")
        assert read_limited(tmp_path / "a", 5, "genome file") == b"12345"

    def test_refuses_one_byte_more(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"123456")
        with pytest.raises(FileError) as caught:
            read_limited(tmp_path / "a", 5, "genome file")
        assert str(caught.value) == (
            f"{tmp_path}/a: is larger than 5 bytes, the limit for a genome file; give a smaller file"
        )

    def test_refuses_an_endless_file(self) -> None:
        with pytest.raises(FileError, match="is larger than 1000 bytes"):
            read_limited("/dev/zero", 1000, "genome file")

    def test_says_that_a_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileError) as caught:
            read_limited(tmp_path / "none.json", 5, "genome file")
        assert str(caught.value) == (
            f"{tmp_path}/none.json: cannot read the genome file (no such file or directory); check the path"
        )

    def test_says_that_it_is_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(
            FileError, match=r"cannot read the genome file \(is a directory\); name a file, not"
        ):
            read_limited(tmp_path, 5, "genome file")

    @pytest.mark.parametrize("path", ["", "a\0b"])
    def test_refuses_what_is_no_path(self, path: str) -> None:
        with pytest.raises(FileError, match="is no path; give the name"):
            read_limited(path, 5, "genome file")


class TestWriteFile:
    def test_writes_and_replaces(self, tmp_path: Path) -> None:
        write_atomic(tmp_path / "a", b"one")
        write_atomic(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"two"
        assert names(tmp_path) == ["a"]

    def test_keeps_the_mode_of_the_replaced_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"one")
        (tmp_path / "a").chmod(0o640)
        write_atomic(tmp_path / "a", b"two")
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640

    def test_follows_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_bytes(b"one")
        (tmp_path / "link").symlink_to("real")
        write_atomic(tmp_path / "link", b"two")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == b"two"

    @pytest.mark.parametrize(
        "failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
    )
    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_failure_leaves_the_old_file_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, step: str
    ) -> None:
        (tmp_path / "a").write_bytes(b"one")

        def fail(*_: object) -> None:
            raise failure

        monkeypatch.setattr(files.os, step, fail)
        with pytest.raises((KeyboardInterrupt, FileError)):
            write_atomic(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"one"
        assert names(tmp_path) == ["a"]

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
    def test_says_that_the_device_is_full(self) -> None:
        with pytest.raises(FileError) as caught:
            write_atomic("/dev/full", b"two")
        assert str(caught.value) == (
            "/dev/full: cannot write the file (no space left on device); "
            "free some space or choose another device"
        )

    def test_leaves_a_device_a_device(self) -> None:
        write_atomic("/dev/null", b"two")
        assert not os.path.isfile("/dev/null")

    def test_says_that_the_folder_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(
            FileError, match=r"none/a: cannot write the file \(no such file.*\); create the folder"
        ):
            write_atomic(tmp_path / "none" / "a", b"two")

    def test_says_that_it_is_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match=r"cannot write the file \(is a directory\); name a file"):
            write_atomic(tmp_path, b"two")

    def test_says_that_a_part_of_the_path_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"one")
        with pytest.raises(FileError, match="a part of it is a file"):
            write_atomic(tmp_path / "a" / "b", b"two")

    def test_says_that_the_name_is_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match="choose a shorter name"):
            write_atomic(tmp_path / ("x" * 300), b"two")
        assert names(tmp_path) == []


class TestWriteFolder:
    FILES = {"a.txt": b"1", "sub/b.txt": b"2"}  # noqa: RUF012

    def test_makes_a_new_folder(self, tmp_path: Path) -> None:
        write_folder_atomic(tmp_path / "out", self.FILES)
        assert names(tmp_path) == ["out", "out/a.txt", "out/sub", "out/sub/b.txt"]
        assert (tmp_path / "out/sub/b.txt").read_bytes() == b"2"

    def test_fills_an_empty_folder(self, tmp_path: Path) -> None:
        write_folder_atomic(tmp_path, self.FILES)
        assert names(tmp_path) == ["a.txt", "sub", "sub/b.txt"]

    def test_refuses_a_folder_that_is_not_empty(self, tmp_path: Path) -> None:
        (tmp_path / "mine").write_bytes(b"mine")
        with pytest.raises(FileError) as caught:
            write_folder_atomic(tmp_path, self.FILES)
        assert str(caught.value) == f"{tmp_path}: the folder is not empty; choose another one or add --force"
        assert names(tmp_path) == ["mine"]

    def test_force_replaces_its_files_and_no_others(self, tmp_path: Path) -> None:
        (tmp_path / "mine").write_bytes(b"mine")
        (tmp_path / "a.txt").write_bytes(b"old")
        write_folder_atomic(tmp_path, self.FILES, force=True)
        assert names(tmp_path) == ["a.txt", "mine", "sub", "sub/b.txt"]
        assert (tmp_path / "a.txt").read_bytes() == b"1"

    @pytest.mark.parametrize("allowed", range(5))
    def test_an_interrupt_at_any_rename_leaves_the_old_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
    ) -> None:
        write_folder_atomic(tmp_path / "out", {"a.txt": b"old", "b.txt": b"old", "mine": b"mine"})
        real, done = os.rename, 0

        def rename(source: Path, target: Path) -> None:
            nonlocal done
            done += 1
            if done == allowed + 1:
                raise KeyboardInterrupt
            real(source, target)

        monkeypatch.setattr(files.os, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            write_folder_atomic(tmp_path / "out", {"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"}, force=True)
        monkeypatch.undo()
        assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == {
            "a.txt": b"old",
            "b.txt": b"old",
            "mine": b"mine",
        }

    @pytest.mark.parametrize("existing", [True, False])
    def test_a_full_device_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
    ) -> None:
        def fail(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        if existing:
            (tmp_path / "out").mkdir()
        monkeypatch.setattr(files.os, "fsync", fail)
        with pytest.raises(
            FileError, match=r"cannot write the folder \(no space left on device\); free some"
        ):
            write_folder_atomic(tmp_path / "out", self.FILES)
        assert names(tmp_path) == (["out"] if existing else [])

    def test_refuses_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"mine")
        with pytest.raises(FileError, match="is a file, a folder is needed"):
            write_folder_atomic(tmp_path / "out", self.FILES, force=True)
        assert (tmp_path / "out").read_bytes() == b"mine"

    def test_refuses_to_put_a_file_over_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").mkdir()
        with pytest.raises(FileError, match=r"a\.txt: is a folder, a file is needed"):
            write_folder_atomic(tmp_path, self.FILES, force=True)
        assert names(tmp_path) == ["a.txt"]

    def test_says_that_the_parent_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match="create the folder first"):
            write_folder_atomic(tmp_path / "none" / "out", self.FILES)

    @pytest.mark.parametrize("name", ["../a", "/a", "", "a/../../b"])
    def test_a_name_outside_the_folder_is_a_bug(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="is no path inside a folder"):
            write_folder_atomic(tmp_path / "out", {name: b""})


@contextmanager
def unprivileged() -> Iterator[None]:
    """Act as the user nobody where the tests run as root, who may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_says_that_a_folder_is_not_writable() -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with unprivileged(), pytest.raises(FileError, match=r"permission denied\); change the permissions"):
            write_atomic(Path(folder) / "a", b"")
        os.chmod(folder, 0o700)
