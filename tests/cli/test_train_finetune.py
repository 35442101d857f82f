"""`msc train --finetune` takes weights and leaves better ones for a chip, or says what it needs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from msc.backends.weights import read_weights, write_weights
from msc.compiler.driver import find_target
from msc.ir.hashing import weights_hash
from msc.search.canonical import genome_hash
from msc.search.genome import load_genome
from msc.search.training.finetuning import find_finetuning
from msc.search.training.metrics import Metrics, read_metrics
from msc.search.training.recipe import find_recipe
from tests.cli.searching import Answer, Caller, contents
from tests.cli.training import FILES, names, refused, tiny_genome, trained

TUNE = ("--data", "digits", "--batch", "256", "--epochs", "2", "--finetune", "loihi")
OPTIONS = find_target("lava").options
USUAL = {name: option.values[0] for name, option in OPTIONS.items() if not option.is_array}
SAME = "leave it out to go on as before, or start a new run with another -o"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def weights(genome: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that were trained a little."""
    folder = tmp_path_factory.mktemp("float")
    answer = trained(folder, genome, "--data", "digits", "--epochs", "1", "--batch", "128", "-o", "run")
    assert answer.code == 0, answer.stderr
    return folder / "run" / "weights.safetensors"


@pytest.fixture(scope="module")
def finished(genome: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A small fine-tuning, run once from start to end in a process of its own."""
    folder = tmp_path_factory.mktemp("finished")
    answer = trained(folder, genome, *TUNE, "--weights", weights, "-o", "run")
    assert answer.code == 0, answer.stderr
    return folder / "run", answer


def metrics_of(run: Path) -> Metrics:
    return read_metrics(run / "metrics.json")


def test_it_leaves_a_run_and_says_how_the_weights_did_before(
    weights: Path, finished: tuple[Path, Answer]
) -> None:
    run, answer = finished
    assert names(run) == FILES | {"start.safetensors"}
    metrics = metrics_of(run)
    told = metrics.finetuned
    assert told is not None
    assert told.test is not None
    assert told.validation is not None
    assert metrics.test is not None
    assert told.kind == "loihi"
    assert told.weights == weights_hash(read_weights(weights)[0])
    lines = answer.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    said = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines[:7])
    assert said["test accuracy"] == f"{metrics.test.accuracy:.2%}, quantised"
    before = told.test
    assert said["before"] == f"{before.quantised:.2%} quantised, {before.floating:.2%} in floating point"
    assert {line.strip() for line in lines if line.startswith("  run/")} == {
        f"run/{name}" for name in (*FILES, "start.safetensors")
    }
    notes = answer.stderr.splitlines()
    held = told.validation
    assert notes[0] == (
        f"validation accuracy before fine-tuning: {held.floating:.2%} in floating point, "
        f"{held.quantised:.2%} quantised"
    )
    assert [note.split()[0] for note in notes[1:]] == ["epoch", "epoch", "tested", "test"]


def test_its_settings_are_the_recipes_but_for_those_of_the_kind(finished: tuple[Path, Answer]) -> None:
    settings, recipe = metrics_of(finished[0]).settings, find_recipe("digits").settings
    changes = find_finetuning("loihi").changes
    assert settings.learning_rate == changes["learning_rate"] < recipe.learning_rate
    assert (settings.warmup, settings.weight_decay) == (0.0, 0.0)
    assert settings.augment == recipe.augment == ("shift",)
    assert (settings.epochs, settings.batch) == (2, 256)


def test_its_weights_compile_and_run_as_it_found(finished: tuple[Path, Answer], call: Caller) -> None:
    """The answer names the command; what it makes classifies as the record says."""
    shutil.copytree(finished[0], "run")
    _, _, commands = finished[1].stdout.partition("next\n")
    compiled, _ = commands.replace("\\\n", "").splitlines()
    expected = "msc compile run/genome.json --weights run/weights.safetensors --target lava"
    assert " ".join(compiled.split()) == expected
    answer = call(*shlex.split(compiled)[1:])
    assert answer.code == 0, answer.stderr
    assert Path("genome-lava/network.json").exists()


def test_json_compares(finished: tuple[Path, Answer], call: Caller) -> None:
    shutil.copytree(finished[0], "run")
    answer = call("train", "--resume", "-o", "run", "--json")
    assert answer.code == 0, answer.stderr
    told = metrics_of(Path("run")).finetuned
    assert told is not None
    assert told.test is not None
    found = json.loads(answer.stdout)["finetuned"]
    assert (found["kind"], found["weights"]) == ("loihi", told.weights)
    assert found["options"] == USUAL
    assert found["test"] == {"floating": told.test.floating, "quantised": told.test.quantised}


def test_options_are_those_of_the_target(genome: Path, weights: Path, call: Caller) -> None:
    options = ("--option", "input=bias", "--option", "thresholds=population", "--set", "warmup=0.5")
    answer = call("train", genome, *TUNE, "--weights", weights, *options, "--set", "validation=0")
    assert answer.code == 0, answer.stderr
    metrics = metrics_of(Path("finetune-g"))
    assert metrics.finetuned is not None
    assert metrics.finetuned.options == {**USUAL, "input": "bias", "thresholds": "population"}
    assert metrics.settings.warmup == 0.5
    assert metrics.finetuned.validation is None
    *_, compiled, verified = answer.stdout.replace("\\\n", "").splitlines()
    assert shlex.split(compiled)[-4:] == ["--option", "input=bias", "--option", "thresholds=population"]
    assert shlex.split(verified)[:2] == ["msc", "verify"]


def test_the_command_of_the_report_repeats_it(finished: tuple[Path, Answer], call: Caller) -> None:
    shutil.copytree(finished[0], "run")
    found = re.search(r'<pre class="command">msc (.*?)</pre>', Path("run/report.html").read_text())
    assert found is not None
    words = [f"run/{w}" if w in ("genome.json", "start.safetensors") else w for w in shlex.split(found[1])]
    answer = call(*words)
    assert answer.code == 0, answer.stderr
    for name in ("weights.safetensors", "test.npz", "start.safetensors"):
        assert Path("again", name).read_bytes() == Path("run", name).read_bytes()


def test_what_is_given_again_as_it_was_is_taken(
    genome: Path, weights: Path, finished: tuple[Path, Answer], call: Caller
) -> None:
    shutil.copytree(finished[0], "run")
    again = ("--finetune", "loihi", "--weights", weights, "--option", "input=graded")
    answer = call("train", genome, *again, "--resume", "-o", "run")
    assert (answer.code, answer.stdout) == (0, finished[1].stdout)
    assert contents(Path("run")) == contents(finished[0])


def test_what_differs_from_the_run_that_is_resumed(
    weights: Path, finished: tuple[Path, Answer], call: Caller
) -> None:
    shutil.copytree(finished[0], "run")
    other = read_weights(weights)[0]
    other["head/bias"] = other["head/bias"] + 1
    Path("o.safetensors").write_bytes(write_weights(other, {"genome": "1"}))
    changes = ("--option", "input=bias", "--option", "speed=2", "--weights", "o.safetensors")
    assert refused(call, "--resume", "-o", "run", *changes) == [
        f"--option input=bias: the run was started with input=graded; {SAME}",
        f"--option speed=2: the run was started with no speed; {SAME}",
        f"--weights o.safetensors: holds other weights than the run's; {SAME}",
    ]
    assert refused(call, "--resume", "-o", "run", "--finetune", "tpu") == [
        f"--finetune tpu: the run was started with --finetune loihi; {SAME}"
    ]
    assert refused(call, "--resume", "-o", "run", "--weights", "gone.safetensors") == [
        "gone.safetensors: cannot read the weight file (no such file or directory); check the path"
    ]
    shutil.copy("o.safetensors", "run/start.safetensors")
    (line,) = refused(call, "--resume", "-o", "run")
    assert line.startswith("run/start.safetensors: holds weights ")


def test_a_run_from_scratch_is_no_fine_tuning(weights: Path, call: Caller) -> None:
    run = weights.parent
    assert refused(call, "--resume", "-o", run, "--finetune", "loihi", "--weights", weights) == [
        f"--finetune loihi: the run trains from scratch; {SAME}"
    ]
    (line,) = refused(call, "--resume", "-o", run, "--weights", weights)
    assert line.startswith(f"--weights {weights}: is for fine-tuning alone; ")


def test_everything_that_is_wrong_at_once(genome: Path, call: Caller, tmp_path: Path) -> None:
    options = ("--option", "speed=2", "--option", "input=radio", "--option", "calibrate=x.npy")
    assert refused(call, genome, *TUNE, *options, "--set", "warmup=2") == [
        "--finetune loihi: needs weights to start from; add --weights RUN/weights.safetensors of a training "
        "of this genome",
        "--option calibrate=x.npy: is for msc compile alone; leave it out",
        f"option speed: target lava has no such option; use one of: {', '.join(sorted(OPTIONS))}",
        "option input: unknown value 'radio'; use one of: graded, bias",
        "--set warmup=2: is 2.0; give a number at least 0 and at most 1",
    ]
    lines = refused(call, genome, *TUNE, *options[:4], "--weights", "none.safetensors")
    assert lines[0] == (
        "none.safetensors: cannot read the weight file (no such file or directory); check the path"
    )
    assert [line.partition(":")[0] for line in lines[1:]] == ["option speed", "option input"]
    assert not names(tmp_path)


def test_an_unknown_kind_names_those_there_are(genome: Path, weights: Path, call: Caller) -> None:
    options = ("--data", "digits", "--finetune", "tpu", "--weights", weights)
    assert refused(call, genome, *options) == [
        "--finetune tpu: there is no such fine-tuning; use one of: loihi"
    ]


def test_a_genome_that_cannot_be_read_is_told_once(weights: Path, call: Caller) -> None:
    assert refused(call, "no.json", *TUNE, "--weights", weights) == [
        "no.json: cannot read the genome file (no such file or directory); check the path"
    ]
    assert refused(call, *TUNE, "--weights", weights) == [
        "GENOME: is missing; name a genome file, as msc new and msc search write"
    ]


@pytest.mark.parametrize("spec", ["random", "random:3", "dyadic"])
def test_weights_that_are_not_trained(genome: Path, call: Caller, spec: str) -> None:
    assert refused(call, genome, *TUNE, "--weights", spec) == [
        f"--weights {spec}: are untrained weights: there is nothing to fine-tune; train first, and name the "
        "weights.safetensors of that"
    ]


def test_weights_of_another_genome(weights: Path, call: Caller, tmp_path: Path) -> None:
    other = tiny_genome(tmp_path, "--channels", "5")
    (line,) = refused(call, other, *TUNE, "--weights", weights, "-o", "run")
    assert line.startswith(f"{weights}: belongs to genome ")
    assert line.endswith(
        f", this genome is {genome_hash(load_genome(other))[:12]}; give weights that were trained for this "
        "genome"
    )
    assert names(tmp_path) == {"g.json"}


def test_weights_without_a_fine_tuning(genome: Path, weights: Path, call: Caller) -> None:
    options = ("--weights", weights, "--option", "input=bias")
    assert refused(call, genome, "--data", "digits", *options) == [
        f"--weights {weights}: is for fine-tuning alone; add --finetune KIND, or leave it out: training "
        "starts from random weights",
        "--option input=bias: is for fine-tuning alone; add --finetune KIND, or leave it out",
    ]


def test_what_the_chip_cannot_hold_is_refused_before_training(
    genome: Path, weights: Path, call: Caller, tmp_path: Path
) -> None:
    spoiled = {name: array.copy() for name, array in read_weights(weights)[0].items()}
    name = next(n for n, a in spoiled.items() if n.endswith("/weight") and not n.startswith("input>"))
    spoiled[name].reshape(-1)[0] = 1e6
    metadata = {"genome": genome_hash(load_genome(genome))}
    Path("w.safetensors").write_bytes(write_weights(spoiled, metadata))
    lines = refused(call, genome, *TUNE, "--weights", "w.safetensors", "-o", "run")
    assert "its weight range cannot be held" in lines[0]
    (line,) = refused(call, genome, *TUNE, "--weights", weights, "--option", "profile=loihi1", "-o", "run")
    assert line == "population input: graded spikes need Loihi 2; --option input=bias"
    assert names(tmp_path) == {"w.safetensors"}


def test_damaged_weights_are_told(genome: Path, call: Caller) -> None:
    Path("w.safetensors").write_bytes(b"no weights")
    (line,) = refused(call, genome, *TUNE, "--weights", "w.safetensors")
    assert line.startswith("w.safetensors: is no safetensors file, or is cut off")
    np.save("x.npy", np.zeros(3))
    (line,) = refused(call, genome, *TUNE, "--weights", "x.npy")
    assert line.startswith("x.npy: ")
