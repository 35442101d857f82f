"""`msc train` refuses what is wrong with exit 2, a line per offender, and no folder left behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from msc.backends.weights import read_weights
from msc.search.training.metrics import read_metrics
from msc.search.training.recipe import recipe_names
from msc.search.training.settings import Settings
from tests.cli.calling import msc
from tests.cli.searching import Caller
from tests.cli.training import EPOCHS, ON_DIGITS, names, refused, tiny_genome

KNOWN = ", ".join(Settings.__dataclass_fields__)
SET_FIX = "write it as KEY=VALUE, for example learning_rate=0.002"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_genome(tmp_path_factory.mktemp("genome"))


def test_nothing_given(call: Caller, tmp_path: Path) -> None:
    assert refused(call) == [
        "GENOME: is missing; name a genome file, as msc new and msc search write",
        "--data: is missing; name a data set, such as digits, or an .npz file",
    ]
    assert not names(tmp_path)


def test_everything_at_once(call: Caller, tmp_path: Path) -> None:
    options = (
        *("--data", "d.npz", "--epochs", "0", "--batch", "0", "--accumulate", "-1", "--seed", "-1"),
        *("--threads", "0", "--device", "tpu", "--set", "speed=3", "--set", "clip", "--set", "=1"),
        *("--set", "clip=high", "--set", "clip=2", "--set", "loss=hinge"),
    )
    lines = refused(call, "no.json", *options)
    assert not names(tmp_path)
    told = {line.partition(": ")[0]: line for line in lines}
    assert told["--set clip"] == f"--set clip: sets nothing; {SET_FIX}"
    assert told["--set =1"] == f"--set =1: sets nothing; {SET_FIX}"
    assert told["--set clip=2"] == "--set clip=2: clip is set twice; set it once"
    assert (
        told["no.json"] == "no.json: cannot read the genome file (no such file or directory); check the path"
    )
    assert told["--set speed=3"] == f"--set speed=3: is no setting of a training; use: {KNOWN}"
    for option in ("--epochs 0", "--batch 0", "--accumulate -1", "--seed -1", "--threads 0"):
        assert option in told
    assert "--set loss=hinge" in told
    assert told["--device tpu"] == "--device tpu: there is no such device; use auto, cpu or cuda"
    assert told["d.npz"] == "d.npz: cannot read the data file (no such file or directory); check the path"
    assert len(lines) == 13


def test_a_value_of_a_wrong_type(genome: Path, call: Caller) -> None:
    (line,) = refused(call, genome, *ON_DIGITS, "--set", "clip=high", "-o", "run")
    assert line.startswith("--set clip=high: ")


def test_unknown_recipe(genome: Path, call: Caller, tmp_path: Path) -> None:
    assert refused(call, genome, *ON_DIGITS, "--recipe", "magic", "-o", "run") == [
        f"recipe magic: there is no such recipe; use one of: {', '.join(recipe_names())}, "
        "or the path of a .toml file"
    ]
    assert not names(tmp_path)


def test_a_recipe_file_that_is_not_there(genome: Path, call: Caller) -> None:
    assert refused(call, genome, *ON_DIGITS, "--recipe", "magic.toml", "-o", "run") == [
        "magic.toml: cannot read the recipe (no such file or directory); check the path"
    ]


def test_unknown_data_names_all_there_are(genome: Path, call: Caller) -> None:
    (told,) = refused(call, genome, "--data", "nothing")
    assert told.startswith("--data nothing: there is no such data set or file; use one of: ")
    assert "fashion-mnist" in told


def test_missing_data_say_how_to_get_them(
    genome: Path, call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSC_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere"))
    lines = refused(call, genome, "--data", "cifar10", "-o", "run")
    assert any("--download" in line for line in lines), lines
    assert not names(tmp_path)


def test_a_genome_for_other_samples(genome: Path, call: Caller) -> None:
    np.savez("d.npz", inputs=np.zeros((60, 3, 6, 7), np.float32), labels=np.arange(60) % 4)
    fix = f"make one: msc new --from {genome} --input-shape 3,6,7 --classes 4 -o fitting.json"
    assert refused(call, genome, "--data", "d.npz", "-o", "run") == [
        f"genome input_shape: is [1, 8, 8], samples of d.npz are [3, 6, 7]; {fix}",
        f"genome classes: is 10, the data set d.npz has 4; {fix}",
    ]
    assert names(Path()) == {"d.npz"}
    assert call(*fix.split()[3:]).code == 0
    assert call("train", "fitting.json", "--data", "d.npz", "--epochs", "1", "-o", "run").code in (0, 2)


def test_a_genome_for_other_input(genome: Path, call: Caller) -> None:
    np.savez("e.npz", inputs=np.ones((4, 30, 1, 8, 8), np.uint8), labels=np.arange(30) % 10)
    lines = refused(call, genome, "--data", "e.npz", "-o", "run")
    fix = "make one: msc new --input events --input-shape 1,8,8 --classes 10 -o fitting.json"
    assert lines == [f"genome input: is static, the data set e.npz is events; {fix}"]


def test_a_disconnected_genome_names_the_cut(genome: Path, call: Caller) -> None:
    content = json.loads(genome.read_text())
    content["genes"]["layers"] = [{"motif": 1, "ops": [0] * 9}]
    content["skeleton"]["reductions"] = []
    Path("cut.json").write_text(json.dumps(content))
    (line,) = refused(call, "cut.json", *ON_DIGITS)
    assert line.startswith("genome: is disconnected: excitation from the input ends at stem, ")
    assert names(Path()) == {"cut.json"}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (".", ".: is a folder; give a genome file (JSON)"),
        ("w.safetensors", "w.safetensors: is a weights file; give a genome file (JSON)"),
        ("n.nir", "n.nir: is a NIR file; give a genome file (JSON)"),
    ],
)
def test_what_is_no_genome(call: Caller, path: str, line: str) -> None:
    for name in ("w.safetensors", "n.nir"):
        Path(name).write_bytes(b"")
    assert refused(call, path, *ON_DIGITS, "-o", "run") == [line]


def test_a_folder_in_use(genome: Path, call: Caller) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("kept")
    Path("file").write_text("kept")
    assert refused(call, genome, *ON_DIGITS, "-o", "mine") == [
        "mine: the folder is not empty; choose another one, or add --resume to go on with a training in it"
    ]
    assert refused(call, genome, *ON_DIGITS, "-o", "file") == [
        "file: is a file, a folder is needed; choose another path"
    ]
    assert refused(call, genome, *ON_DIGITS, "-o", "no/where") == [
        "no/where: cannot use the folder (no such file or directory); "
        "create the folder it lies in first, or choose another one"
    ]
    assert names(Path("mine")) == {"notes.txt"}
    Path("empty").mkdir()
    refused(call, genome, "--data", "nothing", "-o", "empty")
    assert names(Path()) == {"mine", "file", "empty"}, "a folder of the user's stays"


def test_cuda_that_is_not_there(genome: Path, call: Caller) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device; to run the test, hide it with: CUDA_VISIBLE_DEVICES=")
    assert refused(call, genome, *ON_DIGITS, "--device", "cuda") == [
        f"--device cuda: torch {torch.__version__} finds no CUDA device; "
        "use --device cpu, or install a driver and a CUDA build of torch"
    ]


def broken(call: Caller, *arguments: str | Path) -> list[str]:
    """Train until that breaks down; returns the lines that say so."""
    answer = call("train", *arguments, "-o", "run")
    assert (answer.code, answer.stdout) == (2, ""), answer
    told = [line for line in answer.stderr.splitlines() if not line.startswith("epoch ")]
    told = [line for line in told if not line.startswith("taken up after epoch ")]
    assert told
    assert all(": " in line and "; " in line for line in told), told
    return told


def test_a_training_that_breaks_down_says_what_it_leaves(genome: Path, call: Caller) -> None:
    """Weights are multiplied by -10^6 in every step."""
    options = ("--set", "learning_rate=1000", "--set", "weight_decay=1000", "--set", "warmup=0")
    *why, left = broken(call, genome, *ON_DIGITS, *options)
    assert why
    assert left == "run: no epoch was finished, no weights are kept; start anew with another -o"
    assert read_metrics(Path("run/metrics.json")).stopped == "; ".join(why)
    assert "broke down" in Path("run/report.html").read_text()


def test_a_training_that_breaks_down_later_keeps_the_best_weights(genome: Path, call: Caller) -> None:
    """Weights are multiplied by -9 in every step: float32 takes that for more than one epoch."""
    *why, left = broken(call, genome, *ON_DIGITS, "--set", "learning_rate=1000")
    assert why
    metrics = read_metrics(Path("run/metrics.json"))
    assert left == (
        f"run/weights.safetensors: holds the weights of epoch {metrics.best} of {EPOCHS}, the best before "
        "that; use them as they are, or start anew with another -o"
    )
    assert read_weights(Path("run/weights.safetensors"))[1]["epoch"] == str(metrics.best)
    again = broken(call, "--resume")
    assert again == [*why, left], "on from the last epoch that went well, to the same end"


def test_wrong_types_are_told_by_the_option(tmp_path: Path) -> None:
    result = msc("train", "g.json", "--data", "digits", "--epochs", "many", folder=tmp_path)
    assert result.returncode == 2
    assert "Invalid value for '--epochs'" in result.stderr
    assert not names(tmp_path)
