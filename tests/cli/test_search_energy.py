"""`msc search` by energy: with a profile that is chosen, told, remembered, and checked when it is resumed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from msc.search.evolution.history import read_history
from tests.cli.searching import SMALL, Caller, contents

PROFILE = (Path(__file__).parents[2] / "compiler/energy/profiles/loihi1.toml").read_text()
LEFT_OUT = "energy leaves out the first layer: {} has no price for multiplying values"
FIX = "resume with the settings the run was started with, or choose another folder"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def energies(run: str) -> list[float | None]:
    return [one.record.values["energy"] for one in read_history(Path(run)).evaluations]


def test_energy_is_an_objective_beside_the_fitness(call: Caller) -> None:
    answer = call.search(*SMALL, "--objectives", "fitness,energy", "-o", "run")
    assert answer.code == 0, answer.stderr
    assert answer.stderr.splitlines()[0] == LEFT_OUT.format("loihi1")
    assert "energy (min)" in answer.stdout
    history = read_history(Path("run"))
    assert history.settings["objectives"] == ["sahd:max", "energy:min"]
    assert history.settings["energy_profile"] == "loihi1"
    assert len(history.settings["energy_profile_hash"]) == 64
    measured = [value for value in energies("run") if value is not None]
    assert len(measured) == len(history.evaluations)
    assert min(measured) > 0
    assert len(set(measured)) > 1
    report = re.sub("<[^>]*>", "", Path("run/report.html").read_text())
    assert "energy per sample in nJ" in report
    assert f"loihi1, sha256 {history.settings['energy_profile_hash'][:12]}" in report


def test_the_fitness_can_be_energy_on_any_profile(call: Caller) -> None:
    for profile, first in (("loihi1", LEFT_OUT.format("loihi1")), ("cmos45-int8", "generation 0/2")):
        how = ("--fitness", "energy", "--energy-profile", profile, "--weight-seeds", "1")
        answer = call.search(*SMALL, *how, "-o", profile)
        assert answer.code == 0, answer.stderr
        assert answer.stderr.startswith(first)
        history = read_history(Path(profile))
        assert history.end is not None
        records = [evaluation.record for evaluation in history.evaluations]
        (best,) = [record.values["energy"] for record in records if record.hash == history.end["best"]]
        assert best == min(record.values["energy"] or 0 for record in records if record.feasible)
    assert energies("loihi1")[0] != energies("cmos45-int8")[0]


def test_a_profile_is_measured_with_though_nothing_is_searched_by_it(call: Caller) -> None:
    assert call.search(*SMALL, "-o", "plain").code == 0
    assert not {"energy_profile", "energy_profile_hash"} & set(read_history(Path("plain")).settings)
    assert call.search(*SMALL, "--energy-profile", "cmos45-fp32", "-o", "priced").code == 0
    plain, priced = (read_history(Path(name)).evaluations for name in ("plain", "priced"))
    for a, b in zip(plain, priced, strict=True):
        assert {**a.record.values, "energy": b.record.values["energy"]} == b.record.values


def test_a_search_goes_on_with_the_profile_it_was_started_with(call: Caller) -> None:
    Path("mine.toml").write_text(PROFILE)
    how = ("--objectives", "fitness,energy", "--energy-profile", "mine.toml")
    assert call.search(*SMALL, *how, "-o", "run").code == 0
    before = contents(Path("run"), "timings.jsonl")
    whole = Path("run/history.jsonl").read_bytes()
    Path("run/history.jsonl").write_bytes(whole[: len(whole) // 2])
    assert call.search("--resume", "-o", "run").code == 0
    assert contents(Path("run"), "timings.jsonl") == before

    shutil.move("mine.toml", "moved.toml")
    assert call.search("--resume", "--energy-profile", "moved.toml", "-o", "run").code == 0
    (told,) = call.refused("--resume", "-o", "run")
    assert told == "mine.toml: cannot read the energy profile (no such file or directory); check the path"
    Path("mine.toml").write_text(PROFILE.replace("23.6", "23.7"))
    (told,) = call.refused("--resume", "-o", "run")
    assert told.startswith("--energy-profile, sha256 of its file: was ")
    assert told.endswith(FIX)
    told, _ = call.refused("--resume", "--energy-profile", "cmos45-int8", "-o", "run")
    assert told == f"--energy-profile: was mine.toml, now is cmos45-int8; {FIX}"
    assert contents(Path("run"), "timings.jsonl") == before


def test_a_search_without_energy_does_not_go_on_with_it(call: Caller) -> None:
    assert call.search(*SMALL, "-o", "run").code == 0
    told = call.refused("--resume", "--energy-profile", "loihi1", "-o", "run")
    assert told[0] == f"--energy-profile: was null, now is loihi1; {FIX}"


def test_profiles_that_price_nothing_are_told_beside_all_else(call: Caller) -> None:
    told = call.refused("--data", "digits", "--energy-profile", "loihi2", "--strategy", "anneal")
    assert told[0] == "strategy anneal: unknown; use one of: evolve, random"
    assert told[1].startswith(
        "--energy-profile loihi2: prices neither events nor updates of a spiking network: "
    )
    (told_of_none,) = call.refused("--data", "digits", "--fitness", "energy", "--energy-profile", "loihi3")
    assert told_of_none.startswith(
        "energy profile loihi3: there is no such energy profile; use one of: cmos45-"
    )
    (told_of_nothing,) = call.refused("--data", "digits", "--energy-profile", "")
    assert "there is no such energy profile" in told_of_nothing
    Path("bad.toml").write_text(PROFILE.replace("value = 23.6", "value = -1.0"))
    (line,) = call.refused("--data", "digits", "--energy-profile", "bad.toml")
    assert line.startswith("bad.toml, energies.synaptic_operation.value: is -1")
    assert not Path("search-digits").exists()
