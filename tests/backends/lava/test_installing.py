"""The environment of Lava is built whole or not at all (of packages that stand for the real ones)."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from msc.backends.lava.environments import environment_folder, installed_in, places, probe, python_of
from msc.backends.lava.installing import InstallError, install
from tests.cli.calling import MSC, environment, msc, refused

pytestmark = pytest.mark.xdist_group("installing")
WHEELS = {
    "numpy": "2.4.0",
    "scipy": "1.17.0",
    "networkx": "3.6",
    "asteval": "1.0",
    "scikit_learn": "1.6",
    "lava_nc": "0.10.0",
    "lava_dl": "0.6.0",
    "h5py": "3.10",
}
MODULES = {"numpy": "numpy/__init__.py", "lava_nc": "lava/magma/core/run_configs.py"}
LOCK = ".lava-install.lock"


def write_wheel(folder: Path, name: str) -> None:
    """Write a wheel of one empty module; Lava's refuse this Python, as the real ones do."""
    version = WHEELS[name]
    metadata = f"{name}-{version}.dist-info"
    asks = "Requires-Python: <3.11\nRequires-Dist: torch (<2)\n" if name.startswith("lava") else ""
    files = {
        MODULES.get(name, f"{name}.py"): "",
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asks}",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: msc\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{metadata}/RECORD"
    files[record] = "".join(f"{path},,\n" for path in (*files, record))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have pip find packages in one folder and nowhere else."""
    for name in WHEELS:
        write_wheel(tmp_path, name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("LAVA_PYTHON", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache whose environment the first test builds, for the others to find."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def built(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment with lava-nc, built by the first test; nothing but it and the lock may be left."""
    monkeypatch.setenv("MSC_CACHE", str(shared_cache))
    if not environment_folder().exists():
        told: list[str] = []
        assert install(["lava"], told.append) == f"installed in {environment_folder()}: lava-nc"
        steps = [line for line in told if line.startswith(("making", "installing", "trying"))]
        assert steps == [
            "making a Python environment",
            "installing what lava-nc needs (75 MB)",
            "installing lava-nc 0.10.0",
            "trying it",
        ]
    yield environment_folder()
    assert sorted(os.listdir(shared_cache)) == [LOCK, environment_folder().name]


def test_what_is_installed_is_found_and_not_installed_again(built: Path) -> None:
    assert probe(python_of(built)) == ({"lava-nc": "0.10.0"}, "")
    found = places()[-1]
    assert (found.python, found.versions) == (python_of(built), {"lava-nc": "0.10.0"})
    told: list[str] = []
    assert install(["lava"], told.append) == f"installed already in {built}: lava-nc 0.10.0"
    assert not told


def test_pip_failing_leaves_the_environment_as_it_was(built: Path, index: Path) -> None:
    (index / "lava_dl-0.6.0-py3-none-any.whl").unlink()
    with pytest.raises(InstallError) as refusal:
        install(["lava-dl"], lambda line: None)
    told = str(refusal.value)
    assert told.startswith(
        "installing lava-dl 0.6.0 (70 MB): failed: Could not find a version that satisfies"
    )
    assert told.endswith("; mend that, then run the same command again")
    assert installed_in(built) == {"lava-nc": "0.10.0"}


def test_no_network_is_told(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NO_INDEX": "0", "INDEX_URL": "http://127.0.0.1:9/", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(InstallError, match=r"the package index cannot be reached .*; check the network"):
        install(["lava-dl"], lambda line: None)


def test_of_two_processes_the_second_waits(built: Path, shared_cache: Path) -> None:
    with (shared_cache / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start_install()
        assert process.stderr is not None
        assert process.stderr.readline() == "another msc is installing; waiting for it\n"
        (shared_cache / ".lava-0123.tmp").mkdir()  # left by a machine that was switched off
    answer, _ = process.communicate(timeout=60)
    assert answer == f"installed already in {built}: lava-nc 0.10.0\n"


def test_lava_dl_comes_beside_lava(built: Path) -> None:
    """As the last test of the shared environment: it changes it."""
    assert install(["lava-dl"], lambda line: None) == f"installed in {built}: lava-dl"
    assert probe(python_of(built)) == ({"lava-nc": "0.10.0", "lava-dl": "0.6.0"}, "")
    answer = install(["lava", "lava-dl"], lambda line: None)
    assert answer == f"installed already in {built}: lava-nc 0.10.0, lava-dl 0.6.0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSC_CACHE", str(tmp_path / "cache"))
    process = start_install()
    assert process.stderr is not None
    assert process.stderr.readline() == "making a Python environment\n"
    process.send_signal(number)
    answer, told = process.communicate(timeout=60)
    assert (process.returncode, answer, told) == (130, "", "interrupted\n")
    assert os.listdir(tmp_path / "cache") == [LOCK]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    result = msc("doctor", "--install", "lava", folder=tmp_path, env={"MSC_CACHE": str(tmp_path / "file")})
    told = refused(result, "cannot be written (")
    assert told[0].endswith("; free some space, or set MSC_CACHE to a folder that can be written")


def start_install() -> subprocess.Popen[str]:
    command = [*MSC, "doctor", "--install", "lava"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(), text=True, **streams)


def test_the_environment_is_made_by_the_python_that_runs() -> None:
    assert environment_folder().name.endswith(f"py{sys.version_info[0]}.{sys.version_info[1]}")
