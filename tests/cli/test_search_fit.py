"""`msc search --fit` keeps networks that a chip has room for, and remembers which chip that was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from msc.search.evolution.history import read_history
from tests.cli.searching import SIZES, SMALL, Caller, contents

PROFILE = (Path(__file__).parents[2] / "compiler/profiles/loihi2.toml").read_text()
BARE = ("--data", "digits", *SIZES, "--population", "6", "--generations", "1")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small_chip(name: str, cores: int, neurons: int = 64) -> None:
    """Write a profile of a chip of few small cores."""
    text = PROFILE.replace("value = 128\nlow = 120", f"value = {cores}\nlow = 1").replace(
        "value = 8192", f"value = {neurons}"
    )
    Path(name).write_text(text)


def test_networks_that_fit_win_and_the_others_say_why(call: Caller) -> None:
    small_chip("mine.toml", 20)
    how = ("--strategy", "random", "--fitness", "params:max", "--fit", "mine.toml")
    answer = call.search(*BARE, *how, "-o", "run")
    assert answer.code == 0, answer.stderr
    history = read_history(Path("run"))
    assert history.settings["fit"] == "mine.toml:1"
    assert len(history.settings["fit_hash"]) == 64
    records = [evaluation.record for evaluation in history.evaluations]
    broken = [v for record in records for v in record.violations if v.guard == "fit"]
    assert broken
    for violation in broken:
        assert violation.what.startswith("needs ")
        assert violation.what.endswith(" chips, at most 1 wanted")
    fitting = [record for record in records if record.feasible]
    assert fitting
    assert max(r.neurons for r in fitting) < max(r.neurons for r in records)
    report = Path("run/report.html").read_text()
    assert "mine.toml:1" in report
    assert "the profile of the chip that networks must fit, and on how many of it" in report
    assert broken[0].what in report


def test_nothing_that_fits_exits_1_and_advises(call: Caller) -> None:
    small_chip("tiny.toml", 1, 8)
    answer = call.search(*SMALL, "--fit", "tiny.toml:2", "-o", "run")
    assert answer.code == 1
    last = answer.stderr.splitlines()[-1]
    assert "fit of" in last
    assert last.endswith("loosen --fit")


def test_a_search_goes_on_with_the_chip_it_was_started_with(call: Caller) -> None:
    small_chip("mine.toml", 20)
    assert call.search(*SMALL, "--fit", "mine.toml:2", "-o", "run").code == 0
    before = contents(Path("run"), "timings.jsonl")
    whole = Path("run/history.jsonl").read_bytes()
    Path("run/history.jsonl").write_bytes(whole[: len(whole) // 2])
    assert call.search("--resume", "-o", "run").code == 0
    assert contents(Path("run"), "timings.jsonl") == before

    shutil.move("mine.toml", "moved.toml")
    assert call.search("--resume", "--fit", "moved.toml:2", "-o", "run").code == 0
    (told,) = call.refused("--resume", "-o", "run")
    assert told == "mine.toml: cannot read the profile (no such file or directory); check the path"

    fix = "resume with the settings the run was started with, or choose another folder"
    assert call.refused("--resume", "--fit", "moved.toml:3", "-o", "run") == [
        f"--fit: was mine.toml:2, now is mine.toml:3; {fix}"
    ]
    small_chip("mine.toml", 21)
    (told,) = call.refused("--resume", "-o", "run")
    assert told.startswith("--fit, sha256 of its profile: was ")
    told = call.refused("--resume", "--fit", "loihi2", "-o", "run")
    assert told[0] == f"--fit: was mine.toml:2, now is loihi2:1; {fix}"
    assert contents(Path("run"), "timings.jsonl") == before


def test_a_search_without_a_chip_says_nothing_of_one(call: Caller) -> None:
    """Runs that were started before there was --fit go on as they were."""
    assert call.search(*SMALL, "-o", "run").code == 0
    assert not {"fit", "fit_hash"} & set(read_history(Path("run")).settings)
    told = call.refused("--resume", "--fit", "loihi2", "-o", "run")
    assert told[0].startswith("--fit: was null, now is loihi2:1; ")


def test_what_is_no_chip_is_told_beside_all_else(call: Caller) -> None:
    told = call.refused("--data", "digits", "--fit", "loihi3", "--strategy", "anneal")
    assert told == [
        "strategy anneal: unknown; use one of: evolve, random",
        "profile loihi3: there is no such profile; use one of: loihi1, loihi2, or the path of a .toml file",
    ]
    assert call.refused("--data", "digits", "--fit", "loihi2:0") == [
        "--fit loihi2:0: asks for 0 chips; give 1 to 1000000"
    ]
    Path("bad.toml").write_text(PROFILE.replace("value = 8192", "value = -8192"))
    (line,) = call.refused("--data", "digits", "--fit", "bad.toml")
    assert line.startswith("bad.toml, limits.neurons_per_core.value: is -8192; give a whole number from 1")
    assert not Path("search-digits").exists()
