"""Trains a spiking network by surrogate gradients through time and hands back its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from msc.backends.pytorch.network import SpikingNetwork
from msc.compiler.initialise import random_model
from msc.ir.network import Model, Network
from msc.ir.neurons import LI, InputKind
from msc.search.data import Split
from msc.search.genome import Genome
from msc.search.health import TrainError, check_alive, check_finite, check_fit
from msc.search.lower import require_connected
from msc.search.readout import class_scores
from msc.search.schedule import warmup_cosine

_CALIBRATION_PASSES = 3


@dataclass(frozen=True)
class Settings:
    """How to train; `sharpness` scales the scores, which lie in 0..1, before the softmax of the loss."""

    epochs: int = 30
    batch: int = 64
    seed: int = 0
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    warmup: float = 0.1
    label_smoothing: float = 0.1
    sharpness: float = 10.0
    clip: float = 1.0


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data gave: mean loss, accuracy, and firing rate by population."""

    number: int
    epochs: int
    loss: float
    accuracy: float
    rates: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What a network does on data: predicted classes [N], accuracy, and firing rate by population."""

    predictions: NDArray[np.int64]
    accuracy: float
    rates: dict[str, float]


@dataclass(frozen=True)
class Trained:
    """A trained model, how it does on the held-out samples, and how it got there."""

    model: Model
    test: Evaluation
    history: tuple[Epoch, ...]

    @property
    def accuracy(self) -> float:
        """The share of held-out samples classified correctly."""
        return self.test.accuracy


def train(
    genome: Genome,
    split: Split,
    *,
    epochs: int,
    batch: int,
    seed: int,
    progress: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Lower a genome and train its network; raises as `require_connected` and `train_network` do."""
    network = require_connected(genome).network
    assert network is not None
    if genome.skeleton.classes != split.classes:
        raise TrainError.of(
            "genome classes",
            f"is {genome.skeleton.classes}, the data set {split.name} has {split.classes}",
            f"make the genome with --classes {split.classes}",
        )
    return train_network(network, split, Settings(epochs, batch, seed), progress)


def train_network(
    network: Network,
    split: Split,
    settings: Settings,
    progress: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train on a split's training samples and evaluate on its held-out ones.

    The loss is the cross entropy of the mean over steps and votes; AdamW, warm-up then cosine, clipped
    gradients. Everything random comes from `settings.seed`. Raises TrainError where the network does not
    fit the data, the loss is not finite, or a population falls silent, which it names.
    """
    check_fit(network, split)
    module = SpikingNetwork(network)
    module.load_weights(random_model(network, settings.seed).weights)
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(len(split.train_labels))
    _calibrate(module, [_batch(split, order[: settings.batch])[0]] * _CALIBRATION_PASSES)
    count = len(split.train_labels)
    steps = settings.epochs * -(-count // settings.batch)
    optimiser = torch.optim.AdamW(_groups(module, settings), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warmup_cosine(step, steps, round(settings.warmup * steps))
    )
    history: list[Epoch] = []
    for number in range(1, settings.epochs + 1):
        tally = _Tally(network)
        for inputs, labels in _batches(split, rng, settings.batch):
            loss = _step(module, inputs, labels, split.classes, settings, optimiser, tally)
            if not isfinite(loss):
                what = f"the loss is {loss} in epoch {number}"
                raise TrainError.of("training", what, "train with a lower learning rate")
            schedule.step()
        check_finite(module.export_weights(), number)
        history.append(tally.epoch(number, settings.epochs))
        if progress is not None:
            progress(history[-1])
    _calibrate(module, [inputs for inputs, _ in _batches(split, rng, settings.batch)])
    test = evaluate(module, split.test_inputs, split.test_labels, split, settings.batch)
    return Trained(Model(network, module.export_weights()), test, tuple(history))


def evaluate(
    module: SpikingNetwork,
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    split: Split,
    batch: int = 256,
) -> Evaluation:
    """Classify samples in evaluation mode, `batch` at a time."""
    module.eval()
    tally = _Tally(module.network)
    predictions: list[NDArray[np.int64]] = []
    with torch.no_grad():
        for start in range(0, len(labels), batch):
            chosen = np.arange(start, min(start + batch, len(labels)))
            values = module.record(_tensor(inputs, chosen, split.kind))
            scores = class_scores(values[module.network.output], split.classes)
            found = scores.argmax(1).numpy()
            predictions.append(found)
            tally.add(values, 0.0, int((found == labels[chosen]).sum()), len(chosen))
    return Evaluation(np.concatenate(predictions), tally.correct / tally.samples, tally.rates())


def _groups(module: SpikingNetwork, settings: Settings) -> list[dict[str, object]]:
    """Decay the weights of ops only: decaying biases and gammas would pull rates down."""
    decayed = [p for name, p in module.named_parameters() if name.endswith("/weight")]
    kept = [p for name, p in module.named_parameters() if not name.endswith("/weight")]
    return [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]


def _step(
    module: SpikingNetwork,
    inputs: Tensor,
    labels: Tensor,
    classes: int,
    settings: Settings,
    optimiser: torch.optim.Optimizer,
    tally: _Tally,
) -> float:
    """Take one gradient step; returns the loss (nothing is updated where it is not finite)."""
    module.train()
    values = module.record(inputs)
    scores = class_scores(values[module.network.output], classes)
    loss = F.cross_entropy(scores * settings.sharpness, labels, label_smoothing=settings.label_smoothing)
    value = float(loss.detach())
    if isfinite(value):
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), settings.clip)
        optimiser.step()
    tally.add(values, value, int((scores.argmax(1) == labels).sum()), len(labels))
    return value


def _calibrate(module: SpikingNetwork, batches: list[Tensor]) -> None:
    """Set the running statistics to their mean over batches, without training anything."""
    module.train()
    usual = module.momentum
    with torch.no_grad():
        for number, inputs in enumerate(batches, start=1):
            module.momentum = 1 / number
            module.record(inputs)
    module.momentum = usual


class _Tally:
    """Adds up losses, hits and spikes over batches."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.loss = 0.0
        self.correct = 0
        self.samples = 0
        self.spikes: dict[str, float] = {}

    def add(self, values: dict[str, Tensor], loss: float, correct: int, samples: int) -> None:
        """Count one batch, weighted by its samples."""
        self.loss += loss * samples
        self.correct += correct
        self.samples += samples
        with torch.no_grad():
            for name, emitted in values.items():
                if not isinstance(self.network.population(name).neuron, LI):
                    self.spikes[name] = self.spikes.get(name, 0.0) + float(emitted.mean()) * samples

    def rates(self) -> dict[str, float]:
        """Return spikes per neuron and step, by population."""
        return {name: total / self.samples for name, total in self.spikes.items()}

    def epoch(self, number: int, epochs: int) -> Epoch:
        """Sum up an epoch."""
        rates = self.rates()
        check_alive(rates, number)
        return Epoch(number, epochs, self.loss / self.samples, self.correct / self.samples, rates)


def _batches(split: Split, rng: np.random.Generator, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the training samples once, shuffled."""
    order = rng.permutation(len(split.train_labels))
    for start in range(0, len(order), batch):
        yield _batch(split, order[start : start + batch])


def _batch(split: Split, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    return _tensor(split.train_inputs, chosen, split.kind), torch.from_numpy(split.train_labels[chosen])


def _tensor(inputs: NDArray[np.float32], chosen: NDArray[np.int64], kind: InputKind) -> Tensor:
    """Take samples out of [N, ...] (static) or [T, N, ...] inputs."""
    return torch.from_numpy(inputs[chosen] if kind is InputKind.STATIC else inputs[:, chosen])
