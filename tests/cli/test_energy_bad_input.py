"""`msc energy` refuses what is wrong with exit 2, a line per offender, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msc.compiler.energy.profile import energy_profile_names
from tests.cli.artefacts import FLOATING
from tests.cli.searching import Caller
from tests.cli.training import names

OTHER = "give the data that it was made for"
KNOWN = ", ".join(energy_profile_names())
LIMIT_FIX = "is no energy; write a number above 0 and a unit (pJ, nJ, uJ, mJ, J), such as 2.5uJ"
PROFILE_FIX = f"use one of: {KNOWN}, or the path of a .toml file"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


def refused(call: Caller, *arguments: str | Path) -> list[str]:
    """Call `msc energy`, which must end with exit 2 and leave nothing behind; returns a line per problem."""
    before = names(Path())
    answer = call("energy", *arguments)
    assert (answer.code, answer.stdout) == (2, ""), answer
    assert names(Path()) == before
    lines = [line for line in answer.stderr.splitlines() if not line.startswith("no --weights: ")]
    assert lines
    assert all(": " in line and "; " in line for line in lines), lines
    return lines


def test_no_network_and_no_data(call: Caller, digits_genome: Path) -> None:
    answer = call("energy")
    assert answer.code == 2
    assert "Missing argument 'GENOME|NIR|OUT'" in answer.stderr
    assert refused(call, digits_genome) == [
        "--data: is missing, and so is --input; name a data set, such as digits, with --data, "
        "or an array with --input"
    ]


def test_everything_at_once(call: Caller) -> None:
    options = (
        *("--data", "digits", "--input", "x.npy", "--samples", "0", "--seed", "-1", "--stage", "burnt"),
        *("--stage", "trained", "--stage", "trained", "--on", "nest", "--profile", "abacus"),
        *("--profile", "loihi1", "--profile", "loihi1", "--option", "fast", "--option", "labels=y.npy"),
        *("--static-input", "twice", "--fail-above", "3", "--json", "--html", "-o", "no/where.json"),
    )
    lines = refused(call, "no.json", *options)
    told = {line.partition(": ")[0]: line for line in lines}
    expected = {
        "--input": "is given beside --data; give one of the two",
        "--samples 0": "is no number of samples; give 1 or more",
        "--seed -1": "is out of range; give an integer from 0 to 2^63 - 1",
        "--stage burnt": "there is no such stage; use trained, quantised or placed, --stage once for each",
        "--stage trained": "is given twice; give it once",
        "option labels": "is for msc compile; leave it out: --data brings its own",
        "--static-input twice": "is no time to compute it; use once or every-step",
        "--json": "is given beside --html; give one of the two, or --json with -o FILE.html",
        "-o no/where.json": "names a JSON file, --html asks for a page; end it in .html",
        "no/where.json": "there is no folder no; create it first or choose another path",
        "--fail-above 3": LIMIT_FIX,
        "energy profile abacus": f"there is no such energy profile; {PROFILE_FIX}",
        "--profile loihi1": "is given twice; give it once",
        "option fast": "is not of the form key=value; write it as key=value",
        "no.json": "cannot read the genome file (no such file or directory); check the path",
    }
    for where, text in expected.items():
        assert told[where] == f"{where}: {text}"
    assert told["--on nest"].startswith("--on nest: there is no such simulator; choose from: reference, ")
    assert len(lines) == len(expected) + 1


@pytest.mark.parametrize("text", ["0uJ", "-1uJ", "2.5", "uJ", "1e999J", "nanuJ", "2,5uJ", "3 kJ", "1UJ", ""])
def test_limits_that_are_no_energies(call: Caller, digits_genome: Path, text: str) -> None:
    assert refused(call, digits_genome, "--data", "digits", "--fail-above", text) == [
        f"--fail-above {text}: {LIMIT_FIX}"
    ]


def test_data_of_another_shape_and_with_other_classes(call: Caller, digits_genome: Path) -> None:
    np.savez("d.npz", inputs=np.zeros((60, 3, 6, 7), np.float32), labels=np.arange(60) % 4)
    assert refused(call, digits_genome, "--data", "d.npz") == [
        f"--data d.npz: samples are [3, 6, 7], the input of {digits_genome} is [1, 8, 8]; {OTHER}",
        f"--data d.npz: has 4 classes, {digits_genome} has 10; {OTHER}",
    ]


def test_data_of_another_kind(call: Caller, digits_genome: Path, events_genome: Path) -> None:
    np.savez("e.npz", inputs=np.ones((4, 30, 1, 8, 8), np.uint8), labels=np.arange(30) % 10)
    assert refused(call, digits_genome, "--data", "e.npz") == [
        f"--data e.npz: holds events, the input of {digits_genome} is static frames; {OTHER}"
    ]
    assert refused(call, events_genome, "--data", "digits") == [
        f"--data digits: holds static frames, the input of {events_genome} is events; {OTHER}",
        f"--data digits: samples are [1, 8, 8], the input of {events_genome} is [2, 8, 8]; {OTHER}",
        f"--data digits: has 10 classes, {events_genome} has 3; {OTHER}",
    ]


def test_data_for_a_nir_file_of_values(call: Caller, foreign: Path) -> None:
    np.savez("e.npz", inputs=np.ones((4, 30, 1, 1, 5), np.uint8), labels=np.arange(30) % 2)
    lines = refused(call, foreign, "--data", "e.npz")
    assert lines == [
        f"--data e.npz: holds events, the input of {foreign} is values of every step; "
        "add --events to take that input for events",
        f"--data e.npz: samples are [1, 1, 5], the input of {foreign} is [5]; {OTHER}",
        f"--data e.npz: has 2 classes, the 3 outputs of {foreign} are no multiple of 2; {OTHER}",
    ]
    first, *_ = refused(call, foreign, "--data", "digits")
    assert first == (
        f"--data digits: holds static frames, the input of {foreign} is values of every step; "
        "give an array of shape [T,B,5] with --input"
    )


def test_input_that_does_not_fit(call: Caller, digits_genome: Path) -> None:
    np.save("x.npy", np.zeros((2, 1, 8, 9), np.float32))
    assert refused(call, digits_genome, "--input", "x.npy") == [
        "x.npy: shape [2, 1, 8, 9] does not fit the static source; give an array of shape [B,1,8,8]"
    ]
    assert refused(call, digits_genome, "--input", "missing.npy") == [
        "missing.npy: cannot read the input array (no such file or directory); check the path"
    ]


def test_unknown_data_names_all_there_are(call: Caller, digits_genome: Path) -> None:
    (told,) = refused(call, digits_genome, "--data", "nothing")
    assert told.startswith("--data nothing: there is no such data set or file; use one of: ")


def test_download_goes_with_data(call: Caller, digits_genome: Path) -> None:
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    assert refused(call, digits_genome, "--input", "x.npy", "--download") == [
        "--download: is given without --data; leave it out"
    ]


def test_options_that_do_not_go_with_the_subject(
    call: Caller, digits_genome: Path, foreign: Path, bundle: Path, events_genome: Path
) -> None:
    assert refused(call, digits_genome, "--data", "digits", "--dt", "1", "--events") == [
        f"--dt: does not go with {digits_genome}, which is a genome file and has time steps and input of its "
        "own; leave it out",
        f"--events: does not go with {digits_genome}, which is a genome file and has time steps and input of "
        "its own; leave it out",
    ]
    np.save("x.npy", np.zeros((2, 2, 5), np.float32))
    assert refused(call, foreign, "--input", "x.npy", "--weights", "dyadic") == [
        f"--weights: does not go with {foreign}, which is a NIR file and holds its weights; leave it out"
    ]
    assert refused(call, bundle, "--data", "digits", "--option", "input=bias") == [
        f"--option: does not go with {bundle}, which is compiled already; leave it out"
    ]
    np.save("e.npy", np.zeros((2, 2, 2, 8, 8), np.float32))
    assert refused(call, events_genome, "--input", "e.npy", "--static-input", "once") == [
        f"--static-input once: the input of {events_genome} is of kind events; leave it out"
    ]


def test_a_weights_file_is_no_network(call: Caller) -> None:
    Path("w.safetensors").write_bytes(b"")
    (line,) = refused(call, "w.safetensors", "--data", "digits")
    assert line.startswith("w.safetensors: is a weights file; give the genome and this file with --weights")


def test_stages_that_a_bundle_has_behind_it(call: Caller, bundle: Path) -> None:
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    fix = "leave it out, or give what it was compiled from"
    assert refused(call, bundle, "--input", "x.npy", "--stage", "trained", "--stage", "quantised") == [
        f"--stage trained: {bundle} is rounded and placed already; {fix}",
        f"--stage quantised: {bundle} is rounded and placed already; {fix}",
    ]


def test_options_of_the_target_go_with_later_stages(call: Caller, digits_genome: Path) -> None:
    assert refused(call, digits_genome, "--data", "digits", "--option", "input=bias") == [
        "--option: is of target lava, the trained network is not rounded; "
        "leave it out, or add --stage quantised or --stage placed"
    ]
    assert refused(call, digits_genome, "--data", "digits", "--stage", "quantised", "--option", "a=b") == [
        "option a: target lava has no such option; "
        "use one of: biases, calibrate, input, labels, profile, thresholds"
    ]


def test_simulators_of_other_numbers(call: Caller, digits_genome: Path) -> None:
    (of_integers,) = refused(call, digits_genome, "--data", "digits", "--on", "loihi")
    assert of_integers.startswith("--on loihi: does not run the trained network; choose from: reference, ")
    assert "lava" not in of_integers
    assert refused(call, digits_genome, "--data", "digits", "--stage", "placed", "--on", "pytorch") == [
        "--on pytorch: does not run the placed network; choose from: reference, lava, loihi; or leave it out"
    ]


def test_a_network_is_placed_on_one_chip(call: Caller, digits_genome: Path) -> None:
    placed = (digits_genome, "--data", "digits", "--stage", "placed", "--profile", "loihi1")
    assert refused(call, *placed, "--profile", "loihi2") == [
        "--stage placed: a network is placed on one chip, but loihi1 is of loihi1, loihi2 is of loihi2; "
        "choose profiles of one chip"
    ]
    assert refused(call, *placed, "--option", "profile=loihi2") == [
        "option profile=loihi2: --profile loihi1 is of loihi1; leave one of the two out"
    ]


def test_files_that_are_in_use(call: Caller, digits_genome: Path) -> None:
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    given = (digits_genome, "--input", "x.npy")
    read = "is what is read; choose another file with -o"
    assert refused(call, *given, "-o", digits_genome) == [f"{digits_genome}: {read}"]
    assert refused(call, *given, "-o", "x.npy") == [f"x.npy: {read}"]
    Path("g-energy.html").write_text("mine")
    assert refused(call, *given, "--html") == [
        "g-energy.html: exists already; add -o g-energy.html to replace it, or name another file"
    ]
    Path("folder").mkdir()
    assert refused(call, *given, "-o", "folder") == [
        "folder: is a folder, a file is needed; name a file in it"
    ]
    assert Path("g-energy.html").read_text() == "mine"


def test_bad_profile_files(call: Caller, digits_genome: Path) -> None:
    Path("broken.toml").write_text("= 3")
    Path("empty.toml").write_text("")
    lines = refused(
        call,
        *(digits_genome, "--data", "digits"),
        *("--profile", "broken.toml", "--profile", "empty.toml", "--profile", "no.toml"),
    )
    assert [line.partition(": ")[0].partition(",")[0] for line in lines] == [
        "broken.toml",
        "empty.toml",
        "no.toml",
    ]


def test_two_profiles_of_one_name(call: Caller, digits_genome: Path) -> None:
    Path("sub").mkdir()
    shipped = (Path(__file__).parents[2] / "compiler/energy/profiles/cmos45-int8.toml").read_bytes()
    Path("sub/cmos45-int8.toml").write_bytes(shipped)
    profiles = ("--profile", "cmos45-int8", "--profile", "sub/cmos45-int8.toml")
    assert refused(call, digits_genome, "--data", "digits", *profiles) == [
        "--profile cmos45-int8: is the name of several profiles; rename the file of one"
    ]


@pytest.mark.parametrize("target", FLOATING)
def test_data_that_does_not_fit_an_artefact(call: Caller, artefacts: dict[str, Path], target: str) -> None:
    """The artefacts are of a genome with 3 classes, whose 30 outputs could be 10."""
    np.savez("d.npz", inputs=np.zeros((60, 1, 8, 8), np.float32), labels=np.arange(60) % 4)
    path = artefacts[target]
    assert refused(call, path, "--data", "d.npz") == [
        f"--data d.npz: has 4 classes, the 30 outputs of {path} are no multiple of 4; {OTHER}"
    ]
