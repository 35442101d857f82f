"""`msc train` trains, answers, and leaves a run whose weights the other commands take as they are."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from msc.backends.weights import read_weights
from msc.search.canonical import genome_hash
from msc.search.genome import load_genome
from msc.search.training.metrics import Metrics, read_metrics
from tests.cli.searching import Answer, Caller
from tests.cli.terminal import in_terminal, screen
from tests.cli.training import EPOCHS, FILES, ON_DIGITS, names, tiny_genome, trained

QUICK = ("--data", "digits", "--epochs", "1", "--batch", "256")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def finished(genome: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A small training, run once from start to end in a process of its own."""
    folder = tmp_path_factory.mktemp("finished")
    answer = trained(folder, genome, *ON_DIGITS, "-o", "run")
    return folder / "run", answer


def test_a_training_leaves_its_files_and_says_what_it_found(
    genome: Path, finished: tuple[Path, Answer]
) -> None:
    run, answer = finished
    assert answer.code == 0, answer.stderr
    assert names(run) == FILES
    metrics = read_metrics(run / "metrics.json")
    assert metrics.test is not None
    assert metrics.best is not None
    kept = metrics.epochs[metrics.best - 1]
    lines = answer.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    said = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines[:6])
    assert said == {
        "test accuracy": f"{metrics.test.accuracy:.2%}",
        "epoch kept": f"{metrics.best} of {EPOCHS}, validation accuracy {kept.validation_accuracy:.2%}",
        "samples": "1295 for training, 142 for validation, 360 for test",
        "loss": f"{metrics.test.loss:.4f} in test, {kept.loss:.4f} in training",
        "mean rate": f"{np.mean(list(metrics.test.rates.values())):.4f} spikes per neuron and time step",
        "recipe": "digits, on digits",
    }
    rates = {name: f"{rate:.4f}" for name, rate in metrics.test.rates.items()}
    assert rates.items() <= dict(line.split() for line in lines[8 : 8 + len(rates)]).items()
    assert {line.strip() for line in lines if line.startswith("  run/")} == {f"run/{name}" for name in FILES}
    _, metadata = read_weights(run / "weights.safetensors")
    assert metadata["genome"] == metrics.genome == genome_hash(load_genome(genome))
    with np.load(run / "test.npz") as found:
        assert np.mean(found["predictions"] == found["labels"]) == metrics.test.accuracy


def test_it_learns(finished: tuple[Path, Answer]) -> None:
    metrics = read_metrics(finished[0] / "metrics.json")
    assert metrics.test is not None
    assert metrics.epochs[-1].loss < metrics.epochs[0].loss
    assert metrics.test.accuracy > 0.2


def test_progress_is_a_line_per_epoch_where_there_is_no_terminal(finished: tuple[Path, Answer]) -> None:
    *epochs, tested = finished[1].stderr.splitlines()
    for number, line in enumerate(epochs, start=1):
        said = rf"epoch {number}/{EPOCHS}: loss \d\.\d{{3}} [\d.]+%, val \d\.\d{{3}} [\d.]+%( kept)?, "
        assert re.fullmatch(said + r"rate 0\.\d{3}, 0:\d\d:\d\d left", line), line
    assert len(epochs) == EPOCHS
    assert epochs[-1].endswith(", 0:00:00 left")
    assert tested == "tested on 360 samples"


def test_the_next_commands_work(finished: tuple[Path, Answer], call: Caller) -> None:
    shutil.copytree(finished[0], "run")
    _, _, commands = finished[1].stdout.partition("next\n")
    compiled, verified = commands.replace("\\\n", "").splitlines()
    answer = call(*shlex.split(compiled)[1:])
    assert answer.code == 0, answer.stderr
    assert Path("genome-nir/network.nir").exists()
    answer = call(*shlex.split(verified)[1:], "--on", "pytorch,nirtorch")
    assert answer.code in (0, 1), answer.stderr
    assert "differs" not in answer.stdout


def test_long_folder_names_break_commands_in_two_that_a_shell_joins(genome: Path, call: Caller) -> None:
    answer = call("train", genome, *QUICK, "-o", "a run in a folder")
    assert answer.code == 0, answer.stderr
    _, _, commands = answer.stdout.partition("next\n")
    assert commands.splitlines() == [
        "  msc compile 'a run in a folder/genome.json' \\",
        "    --weights 'a run in a folder/weights.safetensors' --target nir",
        "  msc verify 'a run in a folder/genome.json' \\",
        "    --weights 'a run in a folder/weights.safetensors'",
    ]
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_json_holds_all_that_was_found(finished: tuple[Path, Answer], call: Caller) -> None:
    shutil.copytree(finished[0], "run")
    answer = call("train", "--resume", "-o", "run", "--json")
    assert answer.code == 0, answer.stderr
    found = json.loads(answer.stdout)
    metrics = read_metrics(Path("run/metrics.json"))
    assert metrics.test is not None
    assert metrics.best is not None
    kept = metrics.epochs[metrics.best - 1]
    assert found["test"]["accuracy"] == metrics.test.accuracy
    assert found["test"]["rates"] == metrics.test.rates
    assert found["test"]["rate"] == pytest.approx(np.mean(list(metrics.test.rates.values())))
    assert np.sum(found["test"]["confusion"]) == 360
    assert found["kept"] == {
        "epoch": metrics.best,
        "validation_accuracy": kept.validation_accuracy,
        "validation_loss": kept.validation_loss,
    }
    assert found["epochs"] == EPOCHS
    assert found["settings"]["batch"] == 128
    assert {found["data"], found["recipe"]} == {"digits"}
    assert (found["device"], found["processes"]) == (metrics.device, 1)
    assert set(found["files"]) == {f"run/{name}" for name in FILES}


def test_settings_come_from_the_recipe_then_set_then_their_own_options(genome: Path, call: Caller) -> None:
    Path("mine.toml").write_text(
        'format = "msc.recipe"\nversion = 1\ntitle = "Mine"\nsource = "Tried."\n'
        "[settings]\nepochs = 9\nbatch = 300\nlearning_rate = 1e-3\nclip = 2.0\nseed = 4\n"
    )
    options = ("--set", "epochs=3", "--set", "clip=0.5", "--set", " augment = ", "--set", "validation=0")
    answer = call("train", genome, "--data", "digits", "--recipe", "mine.toml", *options, "--epochs", "1")
    assert answer.code == 0, answer.stderr
    metrics = read_metrics(Path("train-g/metrics.json"))
    settings = metrics.settings
    assert metrics.recipe == "mine"
    assert (settings.epochs, settings.batch, settings.seed) == (1, 300, 4)
    assert (settings.learning_rate, settings.clip, settings.augment) == (1e-3, 0.5, ())
    assert "epoch kept     1 of 1, the last" in answer.stdout
    assert re.match(r"epoch 1/1: loss [\d.]+ [\d.]+%, rate ", answer.stderr)


def test_one_seed_gives_one_result_and_another_another(genome: Path, call: Caller) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert call("train", genome, *QUICK, "--seed", seed, "-o", name).code == 0
    first, same, other = (Path(name, "weights.safetensors").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_events_of_a_file(call: Caller, tmp_path: Path) -> None:
    shape = ("--input", "events", "--input-shape", "2,6,6", "--classes", "3", "--timesteps", "5")
    genome = tiny_genome(tmp_path, *shape)
    counts = np.random.default_rng(0).integers(0, 3, (5, 60, 2, 6, 6))
    np.savez("e.npz", inputs=counts, labels=np.arange(60) % 3)
    answer = call("train", genome, "--data", "e.npz", "--epochs", "1", "--batch", "16")
    assert answer.code == 0, answer.stderr
    assert "recipe         default, on e.npz" in answer.stdout.splitlines()


def test_simulated_events_come_in_the_frames_the_genome_was_made_for(call: Caller, tmp_path: Path) -> None:
    shape = ("--input", "events", "--input-shape", "2,6,7", "--timesteps", "3")
    genome = tiny_genome(tmp_path, *shape)
    answer = call("train", genome, "--data", "saccades:digits", "--epochs", "1", "--batch", "256")
    assert answer.code == 0, answer.stderr
    assert metrics_of("train-g").recipe == "saccades"


def metrics_of(folder: str) -> Metrics:
    return read_metrics(Path(folder, "metrics.json"))


def test_metrics_are_a_table_of_epochs(finished: tuple[Path, Answer]) -> None:
    with open(finished[0] / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(number) for number in range(1, EPOCHS + 1)]


def test_on_a_terminal_a_table_is_redrawn_in_place_and_left_behind(genome: Path, tmp_path: Path) -> None:
    code, stdout, written = in_terminal("train", genome, *ON_DIGITS, "-o", "run", folder=tmp_path)
    assert code == 0, written
    lines = [line for line in screen(written, 80) if line]
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["epoch", "loss", "accuracy", "val.", "loss", "val.", "acc.", "rate"]
    assert [line.split()[0] for line in lines[1 : EPOCHS + 1]] == [
        f"{number}/{EPOCHS}" for number in range(1, EPOCHS + 1)
    ]
    assert lines[EPOCHS + 1].startswith("testing")
    assert "360/360" in lines[EPOCHS + 1]
    assert len(lines) == EPOCHS + 2
    assert stdout.startswith("test accuracy ")


def test_help_says_all_and_loads_nothing_heavy(call: Caller) -> None:
    answer = call("train", "--help")
    assert answer.code == 0
    for option in ("--recipe", "--set", "--download", "--accumulate", "--threads", "--finetune", "--resume"):
        assert option in answer.stdout
    assert max(map(len, answer.stdout.splitlines())) <= 80
