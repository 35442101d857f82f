"""Processes that train together do what one process does that normalises the parts of a batch separately."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from msc.backends.pytorch import SpikingNetwork
from msc.compiler.initialise import random_model
from msc.search.lower import require_connected
from msc.search.readout import class_scores
from msc.search.training.batches import batches_of
from msc.search.training.learner import Learner
from msc.search.training.processes import Ranks, joined
from msc.search.training.samples import Samples, training_samples
from msc.search.training.settings import Settings
from msc.search.training.start import Start
from tests.search.training import tuning
from tests.search.training.runs import few_digits, genome

BATCH = Settings(epochs=1, batch=48, clip=0.0, validation=0.2, learning_rate=1e-3)
CLOSE = 1e-5
ROOT = Path(__file__).parents[3]
LIMIT_SECONDS = 300


def samples() -> tuple[Samples, Samples]:
    """48 digits to train on, in one step, and some to validate on."""
    training, validation = training_samples(few_digits(80), 0.2)
    return replace(training, chosen=training.chosen[:48]), validation


def one_step(settings: Settings, ranks: Ranks, start: Start | None = None) -> dict[str, np.ndarray[Any, Any]]:
    """Take one step; returns gradients, weights, running statistics and what was measured."""
    network = require_connected(genome()).network
    assert network is not None
    training, validation = samples()
    learner = Learner(network, training, validation, 10, settings, ranks=ranks, start=start)
    epoch = learner.epoch()
    found = {f"gradient/{name}": p.grad.numpy() for name, p in learner.module.named_parameters()}  # type: ignore[union-attr]
    found |= {f"state/{name}": tensor.numpy() for name, tensor in learner.module.state_dict().items()}
    found["loss"] = np.array([epoch.loss, epoch.accuracy, epoch.validation_loss, *epoch.rates.values()])
    found["predictions"] = learner.judge(validation).predictions
    return found


def close(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=CLOSE, atol=CLOSE, err_msg=name)


@pytest.mark.parametrize("begin", [None, tuning.start()], ids=["from scratch", "fine-tuned"])
def test_two_processes_equal_one_that_accumulates_two_parts(begin: Start | None, tmp_path: Path) -> None:
    folder = tmp_path / "ranks"
    folder.mkdir()
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    kind = [] if begin is None else [begin.kind]
    command = [*launch, "-m", "tests.search.training.test_parallel", str(folder), *kind]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert ended.returncode == 0, ended.stderr
    expected = one_step(replace(BATCH, accumulate=2), Ranks(), begin)
    for rank in range(2):
        with np.load(folder / f"{rank}.npz") as stored:
            close(dict(stored), expected)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_threads_do_what_one_does_with_as_many_parts(optimiser: str) -> None:
    """To the last bit: they share the weights, and parts are added up in their order."""
    settings = replace(BATCH, optimiser=optimiser, augment=("shift",))
    one = one_step(replace(settings, accumulate=4), Ranks())
    for threads, accumulate in ((2, 2), (4, 1)):
        found = one_step(replace(settings, threads=threads, accumulate=accumulate), Ranks())
        for name, values in one.items():
            np.testing.assert_array_equal(found[name], values, err_msg=f"{threads} threads, {name}")


def test_one_process_normalises_the_parts_separately() -> None:
    """Against plain code: each half of a batch through a module of its own, then means."""
    network = require_connected(genome()).network
    assert network is not None
    settings = replace(BATCH, accumulate=2)
    training, validation = samples()
    learner = Learner(network, training, validation, 10, settings)
    start = {name: tensor.clone() for name, tensor in learner.module.state_dict().items()}
    learner.epoch()
    (order,) = batches_of(48, settings, 1)
    halves: list[SpikingNetwork] = []
    for part in (order[:24], order[24:]):
        module = SpikingNetwork(network)
        module.load_state_dict(start)
        inputs, labels = training.take(part)
        scores = class_scores(module(torch.from_numpy(inputs)), 10) * settings.sharpness
        F.cross_entropy(scores, torch.from_numpy(labels), label_smoothing=settings.label_smoothing).backward()
        halves.append(module)
    for name, parameter in learner.module.named_parameters():
        mean = sum(_gradient(half, name) for half in halves) / 2
        torch.testing.assert_close(parameter.grad, mean, rtol=CLOSE, atol=CLOSE, msg=name)
    parameters = {name for name, _ in learner.module.named_parameters()}
    for name, tensor in learner.module.state_dict().items():
        if name not in parameters:
            mean = sum(half.state_dict()[name] for half in halves) / 2
            torch.testing.assert_close(tensor, mean, rtol=CLOSE, atol=CLOSE, msg=name)
            assert not torch.equal(tensor, start[name]), name


def _gradient(module: nn.Module, name: str) -> torch.Tensor:
    gradient = module.get_parameter(name).grad
    assert gradient is not None
    return gradient


def test_parts_of_other_sizes_weigh_by_their_samples() -> None:
    """Five parts of 48 are of 10 and 9: the loss is the mean over samples, not over parts."""
    network = require_connected(genome()).network
    assert network is not None
    training, validation = samples()
    learner = Learner(network, training, validation, 10, replace(BATCH, accumulate=5))
    epoch = learner.epoch()
    (order,) = batches_of(48, BATCH, 1)
    module = SpikingNetwork(network)
    module.load_weights(random_model(network, 0).weights)
    assert 0 < epoch.accuracy < 1
    assert epoch.accuracy * 48 == pytest.approx(round(epoch.accuracy * 48))
    assert sorted(len(p) for p in np.array_split(order, 5)) == [9, 9, 10, 10, 10]


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        begin = tuning.start() if sys.argv[2:] else None
        np.savez(Path(sys.argv[1]) / f"{ranks.rank}.npz", **one_step(BATCH, ranks, begin))
