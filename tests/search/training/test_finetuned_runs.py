"""A fine-tuning in a folder: what it leaves, what it compares, and that it can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from msc.backends.lava.emulator import emulate
from msc.backends.pytorch import SpikingNetwork
from msc.backends.weights import read_weights
from msc.compiler.contracts import CompileError, Property
from msc.compiler.driver import find_target, lower
from msc.ir.network import Model, Weights
from msc.search.canonical import genome_hash
from msc.search.readout import class_scores
from msc.search.training import running
from msc.search.training import start as starts
from msc.search.training.checkpoint import CheckpointError
from msc.search.training.health import TrainError
from msc.search.training.learner import Learner
from msc.search.training.metrics import Before, MetricsError, read_metrics
from msc.search.training.running import Outcome, stored_plan, train_run
from msc.search.training.samples import Samples, training_samples
from msc.search.training.settings import Settings
from tests.search.training.runs import Watch, few_digits
from tests.search.training.tuning import SETTINGS, files, genome, network, plan, start

SPLIT = few_digits()


class Stop(BaseException):
    """A process that ends here."""


@pytest.fixture(scope="module")
def watched() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, watched: Watch) -> Outcome:
    """An undisturbed run."""
    return train_run(plan(), SPLIT, tmp_path_factory.mktemp("whole") / "run", watched)


def floating(weights: Weights, inputs: Any, labels: Any) -> float:
    module = SpikingNetwork(network()).eval()
    module.load_weights(weights)
    with torch.no_grad():
        return float(np.mean(class_scores(module(torch.from_numpy(inputs)), 10).argmax(1).numpy() == labels))


def predictions(weights: Weights, inputs: Any, **options: str) -> Any:
    """Compile for the chip, and emulate."""
    fixed = lower(Model(network(), weights), find_target("lava"), options, until=Property.FIXED_POINT)
    return class_scores(emulate(fixed, inputs).outputs, 10).argmax(1)


def test_the_test_is_what_the_emulator_finds_of_the_weights_it_leaves(whole: Outcome) -> None:
    weights, metadata = read_weights(whole.folder / "weights.safetensors")
    assert metadata["genome"] == genome_hash(genome())
    predicted = predictions(weights, SPLIT.test_inputs)
    np.testing.assert_array_equal(whole.predictions, predicted)
    assert whole.metrics.test is not None
    assert whole.metrics.test.accuracy == np.mean(predicted == SPLIT.test_labels)
    assert not np.array_equal(predicted, predictions(start().weights, SPLIT.test_inputs))


def test_the_kept_epoch_is_the_best_by_the_emulator(whole: Outcome) -> None:
    epochs, best = whole.metrics.epochs, whole.metrics.best
    kept = max(epochs, key=lambda e: (e.validation_accuracy, -(e.validation_loss or 0), -e.number))
    assert best == kept.number
    _, validation = training_samples(SPLIT, SETTINGS.validation)
    inputs, labels = validation.take(np.arange(len(validation)))
    weights, _ = read_weights(whole.folder / "weights.safetensors")
    assert kept.validation_accuracy == np.mean(predictions(weights, inputs) == labels)


def test_it_says_how_the_first_weights_did(whole: Outcome, watched: Watch) -> None:
    told = whole.metrics.finetuned
    assert told is not None
    assert told == replace(start().told, validation=told.validation, test=told.test)
    weights, metadata = read_weights(whole.folder / "start.safetensors")
    assert metadata["genome"] == genome_hash(genome())
    assert all(np.array_equal(weights[name], array) for name, array in start().weights.items())
    _, validation = training_samples(SPLIT, SETTINGS.validation)
    inputs, labels = validation.take(np.arange(len(validation)))
    for part, x, y in (("validation", inputs, labels), ("test", SPLIT.test_inputs, SPLIT.test_labels)):
        before = Before(floating(weights, x, y), float(np.mean(predictions(weights, x) == y)))
        assert getattr(told, part) == before
        note = f"{before.floating:.2%} in floating point, {before.quantised:.2%} quantised"
        assert f"{part} accuracy before fine-tuning: {note}" in watched.notes
    assert read_metrics(whole.folder / "metrics.json") == whole.metrics


def test_options_decide_what_is_trained(whole: Outcome, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    options = {"input": "bias", "thresholds": "population"}
    run = train_run(plan(settings, **options), SPLIT, tmp_path / "run", Watch())
    assert run.metrics.finetuned is not None
    assert run.metrics.finetuned.options == options
    weights, _ = read_weights(run.folder / "weights.safetensors")
    np.testing.assert_array_equal(run.predictions, predictions(weights, SPLIT.test_inputs, **options))
    assert run.metrics.epochs[0].loss != whole.metrics.epochs[0].loss


def test_the_test_samples_decide_nothing_and_come_last(
    whole: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, int]] = []
    evaluate, judge = Learner.evaluate, Learner.judge

    def evaluating(self: Learner, samples: Samples, *others: Any) -> Any:
        used.append(("evaluate", len(samples)))
        return evaluate(self, samples, *others)

    def judging(self: Learner, samples: Samples, *others: Any) -> Any:
        used.append(("judge", len(samples)))
        return judge(self, samples, *others)

    monkeypatch.setattr(Learner, "evaluate", evaluating)
    monkeypatch.setattr(Learner, "judge", judging)
    spoiled = replace(SPLIT, test_inputs=SPLIT.test_inputs * 0, test_labels=SPLIT.test_labels * 0)
    other = train_run(plan(), spoiled, tmp_path / "run", Watch())
    assert used == [
        ("evaluate", 31), ("judge", 31),
        *[("judge", 31)] * 3,
        ("judge", 60), ("evaluate", 60), ("judge", 60),
    ]  # fmt: skip
    assert other.metrics.epochs == whole.metrics.epochs
    assert files(other.folder)["weights.safetensors"] == files(whole.folder)["weights.safetensors"]


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, validation=0.0, epochs=2)])
def test_stopped_at_every_write_and_taken_up_it_ends_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before the first write, then before the second of the next start, and so on."""
    undisturbed = train_run(plan(settings), SPLIT, tmp_path / "whole", Watch())
    write, folder, tries = running.write_atomic, tmp_path / "run", 0

    def ending_before(writes: int) -> Callable[..., None]:
        def write_or_end(path: Path, data: bytes) -> None:
            nonlocal writes
            if writes == 0:
                raise Stop
            writes -= 1
            write(path, data)

        return write_or_end

    found: Outcome | None = None
    while found is None:
        ending = ending_before(tries + 1)
        monkeypatch.setattr(running, "write_atomic", ending)
        monkeypatch.setattr(starts, "write_atomic", ending)
        try:
            resume = (folder / "metrics.json").exists()
            found = train_run(plan(settings), SPLIT, folder, Watch(), resume=resume)
        except Stop:
            tries += 1
    assert tries >= 4
    assert files(folder) == files(undisturbed.folder)
    assert found.metrics == undisturbed.metrics


def test_a_plan_is_what_a_run_was_started_with(whole: Outcome) -> None:
    found = stored_plan(whole.folder)
    assert found.start is not None
    assert (found.start.kind, found.start.options) == ("loihi", {})
    assert found.start.told == start().told
    again = train_run(found, SPLIT, whole.folder, Watch(), resume=True)
    assert again.metrics == whole.metrics


def test_another_start_is_not_taken_up(tmp_path: Path) -> None:
    class Impatient(Watch):
        def epoch(self, epoch: object, kept: bool) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_run(plan(), SPLIT, tmp_path / "run", Impatient())
    others = (replace(plan(), start=start(1)), plan(thresholds="population"), replace(plan(), start=None))
    for other in others:
        with pytest.raises(CheckpointError, match="belongs to another run"):
            train_run(other, SPLIT, tmp_path / "run", Watch(), resume=True)
    starts.write_start(tmp_path / "run", start(1), genome_hash(genome()))
    with pytest.raises(MetricsError, match=r"start.safetensors: holds weights .*; restore the file"):
        stored_plan(tmp_path / "run")


def test_what_the_target_refuses_leaves_no_run(tmp_path: Path) -> None:
    weights = dict(start().weights)
    weights["stem>layer1.A/0/weight"] = weights["stem>layer1.A/0/weight"].copy()
    weights["stem>layer1.A/0/weight"][0, 0] = 1e6
    refused = replace(plan(), start=starts.Start("loihi", {}, weights))
    with pytest.raises(CompileError, match="its weight range cannot be held"):
        train_run(refused, SPLIT, tmp_path / "run", Watch())
    assert not list((tmp_path / "run").iterdir())


def test_a_fine_tuning_that_breaks_down_keeps_what_was_good(
    whole: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = Learner.epoch

    def failing(self: Learner, watcher: Any) -> Any:
        if self.finished == 1:
            with torch.no_grad():
                self.module.get_parameter("stem>layer1:A/0/weight")[0, 0] = 1e6
        return epoch(self, watcher)

    monkeypatch.setattr(Learner, "epoch", failing)
    with pytest.raises(TrainError, match="its weight range cannot be held"):
        train_run(plan(), SPLIT, tmp_path / "run", Watch())
    metrics = read_metrics(tmp_path / "run" / "metrics.json")
    assert metrics.best == 1
    assert metrics.stopped is not None
    assert metrics.stopped.endswith("; train with a lower learning rate")
    monkeypatch.undo()
    assert files(train_run(plan(), SPLIT, tmp_path / "run", Watch(), resume=True).folder) == files(
        whole.folder
    )
