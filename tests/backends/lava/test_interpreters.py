"""The Python that runs Lava is found, and where none is, every place that was looked at is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from msc.backends.lava import environments
from msc.backends.lava.environments import environment_folder, probe
from msc.backends.lava.interpreters import find_interpreter
from msc.backends.simulators.contracts import CannotRunError
from msc.compiler.cache import cache_folder


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of its own, no LAVA_PYTHON, and a running Python without Lava, whichever it is."""
    monkeypatch.setenv("MSC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAVA_PYTHON", raising=False)

    def absent(name: str) -> str:
        raise environments.PackageNotFoundError(name)

    monkeypatch.setattr(environments, "version", absent)
    return tmp_path / "cache"


def program(folder: Path, script: str) -> Path:
    """A program that is no Python, whatever it answers."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def refusal() -> str:
    with pytest.raises(CannotRunError) as refused:
        find_interpreter()
    return str(refused.value)


def test_every_place_is_named_with_the_command() -> None:
    assert refusal() == (
        f"lava: no Python has lava-nc 0.10 (LAVA_PYTHON is not set, this Python ({sys.executable}) has no "
        f"lava-nc, the environment {environment_folder()} does not exist); run msc doctor --install lava"
    )


ANSWERS = {
    "no lava": ("echo 'msc-probe {}'", "has no lava-nc"),
    "older": ("""echo 'msc-probe {"lava-nc": "0.9.0"}'""", "has lava-nc 0.9.0, 0.10 is needed"),
    "newer": ("""echo 'msc-probe {"lava-nc": "0.100.0"}'""", "has lava-nc 0.100.0, 0.10 is needed"),
    "failing": ("echo no such thing >&2; exit 127", "ended with code 127 (its last words: no such thing)"),
    "silent": ("", "does not answer as a Python does"),
    "chatty": ("echo Python 3.11.7", "does not answer as a Python does"),
    "broken": ("echo 'msc-probe {'", "has no lava-nc"),
    "a list": ("echo 'msc-probe [1]'", "has no lava-nc"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_lava_python_names_must_answer(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, why = ANSWERS[kind]
    path = program(tmp_path, script)
    monkeypatch.setenv("LAVA_PYTHON", str(path))
    told = f"LAVA_PYTHON={path}: {why}; name a Python that has lava-nc 0.10, or unset it and run msc doctor"
    assert refusal() == f"{told} --install lava"


@pytest.mark.parametrize(
    ("given", "why"),
    [("/nowhere/python", "does not exist"), ("/", "is a folder"), (__file__, "is no program")],
)
def test_what_lava_python_names_must_be_a_program(
    given: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAVA_PYTHON", given)
    assert refusal().startswith(f"LAVA_PYTHON={given}: {why}; ")


def test_a_program_that_hangs_is_stopped(tmp_path: Path) -> None:
    assert probe(program(tmp_path, "sleep 600"), 0.3) == ({}, "gave no answer within 0.3 s")


def test_this_python_says_what_it_has() -> None:
    versions, why = probe(Path(sys.executable))
    assert why == ("" if "lava-nc" in versions else "has no lava-nc")


def test_lava_python_may_be_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, """echo warning; echo 'msc-probe {"lava-nc": "0.10.0"}'""")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("LAVA_PYTHON", "python")
    assert find_interpreter() == path


def test_the_running_python_comes_before_the_environment(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(environment_folder(), "0.10.0")
    monkeypatch.setattr(environments, "version", lambda name: "0.10.0")
    monkeypatch.setattr(environments, "find_spec", lambda name: object())
    assert find_interpreter() == Path(sys.executable)


def environment(folder: Path, version: str, python: str = sys.executable) -> Path:
    """Make the files that an environment with Lava has."""
    metadata = folder / "lib" / "python3.11" / "site-packages" / f"lava_nc-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lava-nc\nVersion: {version}\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(python)
    return folder / "bin" / "python"


def test_the_environment_is_found_without_running_it(cache: Path) -> None:
    python = environment(environment_folder(), "0.10.0")
    assert find_interpreter() == python
    assert environment_folder().parent == cache


def test_an_environment_without_its_python_is_broken(cache: Path) -> None:
    environment(environment_folder(), "0.10.0", python="/nowhere/python3.11")
    assert f"the environment {environment_folder()} is broken: its Python is gone)" in refusal()


def test_an_environment_of_another_lava_is_not_taken(cache: Path) -> None:
    environment(environment_folder(), "0.9.0")
    assert f"the environment {environment_folder()} has lava-nc 0.9.0, 0.10 is needed)" in refusal()


def test_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("MSC_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache_folder() == tmp_path / "shared" / "msc"
    for useless in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", useless)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "msc"
