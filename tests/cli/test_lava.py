"""The commands and Lava: bundles that run and are checked, what is refused of them, and accuracies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calling import MSC, environment, msc, refused
from tests.requires import require_lava

FRAMES = np.random.default_rng(1).random((6, 1, 8, 8), np.float32)


@pytest.fixture(autouse=True)
def frames(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)


def lavaless(folder: Path) -> dict[str, str]:
    """An environment in which Lava is nowhere."""
    return {"MSC_CACHE": str(folder / "cache"), "LAVA_PYTHON": ""}


def test_a_bundle_runs_as_its_genome_does(bundle: Path, genome: Path, tmp_path: Path) -> None:
    """Quantising is one function: of `--on loihi` with the genome, and of the compiled bundle."""
    calls = {"a": (bundle, "reference"), "b": (bundle, "loihi"), "c": (genome, "loihi")}
    for name, (path, on) in calls.items():
        result = msc("run", path, "--input", "x.npy", "--on", on, "-o", f"{name}.npz", folder=tmp_path)
        assert result.returncode == 0, result.stderr
    written = {name: (tmp_path / f"{name}.npz").read_bytes() for name in calls}
    assert written["a"] == written["b"] == written["c"]
    spikes = np.load(tmp_path / "a.npz")
    assert spikes["output"].shape == (4, 6, 30)
    assert 0 < spikes["output"].mean() < 1


def test_a_bundle_is_verified(bundle: Path, tmp_path: Path) -> None:
    result = msc("verify", bundle, folder=tmp_path, env=lavaless(tmp_path))
    assert result.returncode == 0, result.stderr
    lines = [line.split()[:2] for line in result.stdout.splitlines()]
    assert ["loihi", "equal"] in lines
    assert ["lava", "cannot"] in lines
    assert "no --input: drawing 4 samples with seed 0" in result.stderr
    found = json.loads(msc("verify", bundle, "--on", "loihi", "--json", folder=tmp_path).stdout)
    assert found["ok"]
    assert found["results"][0]["reference"] == "quantised"


def test_real_lava_agrees(bundle: Path, tmp_path: Path) -> None:
    require_lava()
    np.save(tmp_path / "x.npy", FRAMES[:1])
    result = msc("verify", bundle, "--on", "lava", "--input", "x.npy", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1].split()[:2] == ["lava", "equal"]


EDITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (lambda b: append(b / "weights.npz"), "weights.npz: was changed after msc wrote it; "),
    "network": (lambda b: append(b / "network.json"), "network.json: was changed after msc wrote it; "),
    "script": (lambda b: append(b / "run_lava.py"), "run_lava.py: was changed after msc wrote it; "),
    "no weights": (lambda b: (b / "weights.npz").unlink(), "weights.npz: is missing, target lava makes"),
    "no sums": (lambda b: (b / "SHA256SUMS").unlink(), "SHA256SUMS: is missing, target lava makes it"),
    "nothing": (lambda b: [path.unlink() for path in b.iterdir()], "is a folder without an artefact ("),
}  # fmt: skip


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("command", [("verify",), ("run", "--on", "loihi")], ids=["verify", "run"])
def test_a_bundle_edited_by_hand_is_refused(
    bundle: Path, tmp_path: Path, kind: str, command: tuple[str, ...]
) -> None:
    edit, text = EDITS[kind]
    edit(Path(shutil.copytree(bundle, tmp_path / "out")))
    call = (command[0], "out", "--input", "x.npy", *command[1:])
    lines = refused(msc(*call, folder=tmp_path, env=lavaless(tmp_path)), text)
    assert len(lines) == 1
    assert lines[0].startswith("out")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("verify", "--weights", "random"), "--weights: does not go with BUNDLE, which is compiled"),
        (("verify", "--option", "input=bias"), "--option: does not go with BUNDLE, which is compiled"),
        (("verify", "--target", "nir"), "--target nir: BUNDLE was made for lava; "),
        (("verify", "--on", "pytorch"), "--on pytorch: does not run what --target lava makes; choose from: "),
        (("run", "--input", "x.npy", "--on", "norse"), "--on norse: does not run what --target lava makes; "),
        (("run", "--input", "x.npy", "--on", "brian"), "--on brian: there is no such simulator; choose"),
        (("run", "--input", "y.npy"), "y.npy: shape [1, 2] does not fit the static source; "),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_bundle(
    bundle: Path, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    np.save(tmp_path / "y.npy", np.zeros((1, 2)))
    expected = text.replace("BUNDLE", str(bundle))
    refused(msc(arguments[0], bundle, *arguments[1:], folder=tmp_path), expected)


def test_lava_missing_is_refused_by_name(genome: Path, tmp_path: Path) -> None:
    for command in (("verify", genome), ("run", genome, "--input", "x.npy")):
        lines = refused(msc(*command, "--on", "lava", folder=tmp_path, env=lavaless(tmp_path)))
        assert lines[-1].startswith(
            "--on lava: no Python has lava-nc 0.10 (LAVA_PYTHON is not set, this Python ("
        )
        assert lines[-1].endswith(" does not exist); run msc doctor --install lava")


def test_options_reach_the_simulators_of_lava(genome: Path, tmp_path: Path) -> None:
    call = ("run", genome, "--input", "x.npy", "--on", "loihi")
    for name, options in {
        "a": (),
        "b": ("--option", "thresholds=population", "--option", "input=bias"),
    }.items():
        assert msc(*call, *options, "-o", f"{name}.npz", folder=tmp_path).returncode == 0
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()
    result = msc("verify", genome, "--on", "loihi", "--option", "input=bias", folder=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--on", "pytorch", "--option", "input=bias"), "--option: is of target lava, which pytorch does"),
        (("--on", "loihi", "--option", "input=light"), "option input: unknown value 'light'; use one of: "),
        (("--on", "loihi", "--option", "speed=1"), "option speed: target lava has no such option; use"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(genome: Path, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    refused(msc("verify", genome, *arguments, folder=tmp_path), text)


def test_help_describes_the_options_of_a_target(genome: Path, tmp_path: Path) -> None:
    result = msc("compile", genome, "--target", "lava", "--option", "help", folder=tmp_path)
    assert result.returncode == 0
    assert "calibrate   FILE.npy" in result.stdout
    assert "input       graded, bias" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    result = msc("compile", genome, "--target", "pytorch", "--option", "help", folder=tmp_path)
    assert result.stdout == "target pytorch has no options\n"
    assert os.listdir(tmp_path) == ["x.npy"]


def test_accuracy_counts_what_the_simulators_predict(genome: Path, tmp_path: Path) -> None:
    from msc.search.readout import class_scores

    predictions: dict[str, np.ndarray] = {}
    data = ("--option", "calibrate=x.npy")
    for on, options in {"reference": (), "loihi": data}.items():
        call = ("run", genome, "--input", "x.npy", "--on", on, *options, "-o", f"{on}.npz")
        assert msc(*call, folder=tmp_path).returncode == 0
        predictions[on] = class_scores(np.load(tmp_path / f"{on}.npz")["output"], 3).argmax(1)
    labels = predictions["reference"].copy()
    labels[:2] = (labels[:2] + 1) % 3
    np.save(tmp_path / "y.npy", labels)
    call = ("compile", genome, "--target", "lava", *data, "--option", "labels=y.npy", "-o", "out")
    result = msc(*call, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    quantised = float((predictions["loihi"] == labels).mean())
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["accuracy"] == {"float": 4 / 6, "quantised": quantised, "samples": 6}
    told = f"accuracy on 6 samples: 66.67% in floating point, {quantised:.2%} quantised"
    assert result.stdout.splitlines()[-1] == told


LABELS = {
    "floats": (np.zeros(6), "option labels: are float64 of shape [6]; save one integer per sample"),
    "a table": (np.zeros((6, 1), int), "option labels: are int64 of shape [6, 1]; "),
    "too few": (
        np.zeros(5, int),
        "option labels: are 5, calibrate holds 6 samples; give one label per sample",
    ),
    "too large": (np.array([0, 1, 2, 3, 9, 0]), "option labels: hold 3, 9, the genome has classes 0 to 2; "),
    "negative": (np.array([0, 1, 2, -1, 1, 0]), "option labels: hold -1, the genome has classes 0 to 2; "),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_do_not_fit(genome: Path, tmp_path: Path, kind: str) -> None:
    labels, text = LABELS[kind]
    np.save(tmp_path / "y.npy", labels)
    options = ("--option", "calibrate=x.npy", "--option", "labels=y.npy")
    refused(msc("compile", genome, "--target", "lava", *options, "-o", "out", folder=tmp_path), text)
    assert not (tmp_path / "out").exists()


def test_labels_without_inputs(genome: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.zeros(6, int))
    call = ("compile", genome, "--target", "lava", "--option", "labels=y.npy")
    refused(
        msc(*call, folder=tmp_path), "option labels: are given without inputs; add --option calibrate=X.npy"
    )


def test_every_unreadable_array_is_named(genome: Path, tmp_path: Path) -> None:
    options = ("--option", "labels=x", "--option", "calibrate=y", "--option", "speed=1")
    lines = refused(msc("compile", genome, "--target", "lava", *options, folder=tmp_path))
    assert [line.split(":")[0] for line in lines] == ["y", "x", "option speed"]


HANGING = """#!{python}
import pathlib, sys, time
if sys.argv[1] == "-c":
    print('msc-probe {{"lava-nc": "0.10.0"}}')
else:
    pathlib.Path({mark!r}).touch()
    time.sleep(600)
"""


def test_ctrl_c_while_lava_hangs(bundle: Path, tmp_path: Path) -> None:
    python, mark = tmp_path / "python", tmp_path / "running"
    python.write_text(HANGING.format(python=sys.executable, mark=str(mark)))
    python.chmod(0o755)
    process = subprocess.Popen(
        [*MSC, "verify", str(bundle), "--on", "lava"],
        env=environment(LAVA_PYTHON=str(python)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < limit, "it never ran"
        time.sleep(0.05)
    assert processes_of(python)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.splitlines()[-1]) == (130, "interrupted")
    assert not processes_of(python)


def processes_of(program: Path) -> list[str]:
    """The processes that run a program."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(program).encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found
