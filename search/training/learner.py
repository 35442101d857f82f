"""A network that learns: epochs of spatio-temporal backpropagation (Wu et al. 2018), and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msc.backends.pytorch.network import SpikingNetwork
from msc.backends.pytorch.surrogates import find_surrogate
from msc.compiler.initialise import random_model
from msc.ir.network import Network
from msc.search.readout import class_scores
from msc.search.training.batches import batches_of, in_order, part_tensors
from msc.search.training.crew import Crew, Replica
from msc.search.training.health import check_alive, check_enough, check_finite, check_gradient
from msc.search.training.losses import find_loss
from msc.search.training.memory import check_memory, explained
from msc.search.training.optimisers import find_optimiser, parameter_groups
from msc.search.training.precision import mixed, resolve
from msc.search.training.processes import ALONE, Ranks, shared
from msc.search.training.samples import Indices, Samples
from msc.search.training.schedule import learning_rate
from msc.search.training.settings import Settings
from msc.search.training.start import Start
from msc.search.training.statistics import Statistics
from msc.search.training.tally import Tally
from msc.search.training.tuner import Classify, Tuner
from msc.search.training.watching import Epoch, Evaluation, Step, Unwatched, Watcher

_CALIBRATION_PASSES = 3

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many samples are classified, and of how many."""


@dataclass(frozen=True)
class Part:
    """Some samples of a batch, and the seed of what is random about them; `last` of this process's."""

    places: Indices
    share: float
    seed: list[int]
    last: bool


@dataclass(frozen=True)
class Answer:
    """What a part of a batch gave; no gradients where they lie in the parameters already."""

    loss: float
    hits: int
    rates: list[float]
    statistics: Statistics
    gradients: tuple[Tensor, ...] = ()


class Learner:
    """A network under training, alone or as one of several processes that share each batch.

    A batch is cut into `accumulate` parts for each thread of each process. Every part is normalised by its
    own statistics; gradients and running statistics are means over all parts. So two processes or two
    threads do what one does with `accumulate` doubled.
    Initial weights are `random_model`'s, under which every population fires at 5-50 %; or those of a
    `start`: then the network is fine-tuned as a fixed-point one, quantised anew before every step, and
    running statistics stay. Raises CompileError where the target of that refuses the network.
    """

    def __init__(
        self,
        network: Network,
        training: Samples,
        validation: Samples | None,
        classes: int,
        settings: Settings,
        device: str = "cpu",
        ranks: Ranks = ALONE,
        start: Start | None = None,
    ) -> None:
        self.network, self.settings, self.classes = network, settings, classes
        self.finished = 0
        self._training, self._validation = training, validation
        self._device, self._ranks = device, ranks
        threads = settings.threads if device == "cpu" else 1
        self._own_parts = settings.accumulate * threads
        self._parts = ranks.size * self._own_parts
        self._moving = self._parts > 1 and start is None  # whether parts leave statistics to average
        check_enough(len(training), self._parts)
        self._loss = find_loss(settings.loss)
        self._precision = resolve(settings.precision, device)
        self._tuner = None if start is None else Tuner(network, start)
        self.module = self._start()
        self._crew = Crew(self.module, threads if ranks.size == 1 else 1)
        self._names = self._crew.first.classifier.spike_names
        self._parallel = shared(self._crew.first.classifier) if ranks.size > 1 else None
        groups = parameter_groups(self.module, settings)
        self.optimiser = find_optimiser(settings.optimiser).make(groups, settings)
        self._parameters = tuple(self.module.parameters())

    @property
    def steps_per_epoch(self) -> int:
        """How many gradient steps an epoch takes."""
        return max(len(self._training) // self.settings.batch, 1)

    def epoch(self, watcher: Watcher | None = None) -> Epoch:
        """Train for one epoch and validate; raises TrainError where training breaks down.

        That is: a gradient or a weight is not finite, a population fired no spike, or (fine-tuning) weights
        cannot be quantised any more. The weights are then not to be kept.
        """
        watcher = watcher or Unwatched()
        number, began = self.finished + 1, perf_counter()
        batches = batches_of(len(self._training), self.settings, number)
        tally = Tally(self._names)
        for index, chosen in enumerate(batches):
            self._step(number, index, chosen, tally)
            place = (number, self.settings.epochs, index + 1, len(batches))
            watcher.step(Step(*place, tally.loss, tally.accuracy, tally.rate))
        whole = tally.together(self._ranks, self._device)
        check_finite(self.weights(), number)
        check_alive(whole.rates, number)
        validated = None if not self._validation else self.judge(self._validation)
        self.finished = number
        return Epoch(
            number,
            self.settings.epochs,
            self._rate_at(number, len(batches) - 1),
            whole.loss,
            whole.accuracy,
            None if validated is None else validated.loss,
            None if validated is None else validated.accuracy,
            whole.rates,
            perf_counter() - began,
        )

    def evaluate(self, samples: Samples, progress: Progress = lambda done, of: None) -> Evaluation:
        """Classify samples by running statistics in float32, as artefacts do, shared among processes."""
        self.module.eval()
        self._crew.follow()
        return self._classified(samples, progress, lambda replica, frames: replica.classifier(frames))

    def judge(self, samples: Samples, progress: Progress = lambda done, of: None) -> Evaluation:
        """Classify samples as what is trained will: fine-tuned, as the fixed-point network of its target."""
        if self._tuner is None:
            return self.evaluate(samples, progress)
        emulated = self._tuner.emulated(self.weights(), self._names, self._device)
        return self._classified(samples, progress, lambda replica, frames: emulated(frames))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy out the weights as they act, signs applied, under the IR's names."""
        return self.module.export_weights()

    def _classified(
        self,
        samples: Samples,
        progress: Progress,
        classify: Callable[[Replica, Tensor], tuple[Tensor, Tensor]],
    ) -> Evaluation:
        """Classify samples, some at a time on each thread, and add up what all processes found."""
        ranks, count = self._ranks, len(samples)
        size = max(min(self.settings.batch, len(self._training)) // self._parts, 1)
        chunks = list(in_order(count, size, ranks.rank, ranks.size))
        tally, found, done = Tally(self._names), np.zeros(count), 0

        def on(replica: Replica, places: Indices) -> tuple[NDArray[np.int64], Answer]:
            return self._tested(samples, places, lambda frames: classify(replica, frames))

        with explained(self.settings, ranks, len(self._training)):
            for places, (predicted, answer) in zip(chunks, self._crew.run(on, chunks), strict=True):
                tally.add(answer.loss, answer.hits, len(places), answer.rates)
                found[places] = predicted
                done += len(places)
                progress(min(done * ranks.size, count), count)
        whole = tally.together(ranks, self._device)
        predictions = ranks.total(found, self._device).astype(np.int64)
        return Evaluation(predictions, samples.labels, whole.loss, whole.rates)

    def _start(self) -> SpikingNetwork:
        """Load initial weights and set the running statistics to those of the first samples."""
        surrogate = find_surrogate(self.settings.surrogate)
        if self._tuner is not None:
            tuned = self._tuner.module(surrogate, self._device).train()
            check_memory(tuned, self._training, self.classes, self.settings, self._ranks)
            return tuned
        module = SpikingNetwork(self.network, surrogate)
        module.load_weights(random_model(self.network, self.settings.seed).weights)
        module.to(self._device).train()
        check_memory(module, self._training, self.classes, self.settings, self._ranks)
        part = batches_of(len(self._training), self.settings, 1)[0]
        places = np.array_split(part, self._parts)[0]
        frames, _ = part_tensors(self._training, places, self._device, (), [])
        with torch.no_grad(), explained(self.settings, self._ranks, len(self._training)):
            for number in range(1, _CALIBRATION_PASSES + 1):
                module.momentum = 1 / number
                for _ in module.stream(frames):
                    pass
        module.momentum = self.settings.momentum
        return module

    def _step(self, epoch: int, index: int, chosen: Indices, tally: Tally) -> None:
        """Take one gradient step on a batch; nothing is updated where the gradient is not finite."""
        settings, ranks = self.settings, self._ranks
        self.module.train()
        if self._tuner is not None:
            self._tuner.follow(self.module)
        self.optimiser.zero_grad(set_to_none=True)
        self._crew.follow()
        parts = self._own(chosen, [settings.seed, epoch, index])
        start = self._crew.first.statistics.read() if self._moving else None
        with explained(settings, ranks, len(self._training)):
            answers = list(self._crew.run(lambda replica, part: self._learnt(replica, part, start), parts))
        for part, answer in zip(parts, answers, strict=True):
            tally.add(answer.loss, answer.hits, len(part.places), answer.rates)
        if self._parallel is None:
            for parameter, *gradients in zip(self._parameters, *(a.gradients for a in answers), strict=True):
                parameter.grad = sum(gradients[1:], start=gradients[0])
        if start is not None:
            self._crew.first.statistics.keep_mean([answer.statistics for answer in answers], ranks)
        limit = settings.clip or float("inf")
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, limit))
        check_gradient(norm, epoch, index + 1)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate_at(epoch, index)
        self.optimiser.step()

    def _own(self, chosen: Indices, seed: list[int]) -> list[Part]:
        """Cut a batch into parts and take this process's."""
        first, count = self._ranks.rank * self._own_parts, self._own_parts
        parts = np.array_split(chosen, self._parts)[first : first + count]
        weight = self._ranks.size / len(chosen)
        return [
            Part(places, len(places) * weight, [*seed, first + i], i == count - 1)
            for i, places in enumerate(parts)
        ]

    def _learnt(self, replica: Replica, part: Part, start: Statistics | None) -> Answer:
        """Compute a part's gradient, weighted by its share of the batch."""
        if start is not None:
            replica.statistics.write(start)
        augment = self.settings.augment
        frames, labels = part_tensors(self._training, part.places, self._device, augment, part.seed)
        with self._syncing(part.last):
            with mixed(self._precision, self._device):
                outputs, rates = (self._parallel or replica.classifier)(frames)
            loss = self._loss.value(outputs, labels, self.classes, self.settings)
            gradients: tuple[Tensor, ...] = ()
            if self._parallel is None:
                gradients = torch.autograd.grad(loss * part.share, self._parameters, materialize_grads=True)
            else:
                (loss * part.share).backward()
        hits = int((self._predictions(outputs.detach()) == labels).sum())
        left = [] if start is None else replica.statistics.read()
        return Answer(float(loss.detach()), hits, rates.tolist(), left, gradients)

    def _tested(
        self, samples: Samples, places: Indices, classify: Classify
    ) -> tuple[NDArray[np.int64], Answer]:
        """Classify some samples; returns their classes, and what else there is to say."""
        with torch.no_grad():
            frames, labels = part_tensors(samples, places, self._device, (), [])
            outputs, rates = classify(frames)
            loss = self._loss.value(outputs, labels, self.classes, self.settings)
            predicted = self._predictions(outputs)
        hits = int((predicted == labels).sum())
        return predicted.cpu().numpy(), Answer(float(loss), hits, rates.tolist(), [])

    def _syncing(self, last: bool) -> AbstractContextManager[None]:
        """Exchange gradients after the last part only."""
        parallel = self._parallel
        return nullcontext() if last or parallel is None else parallel.no_sync()

    def _predictions(self, outputs: Tensor) -> Tensor:
        scores: Tensor = class_scores(outputs, self.classes)
        return scores.argmax(1)

    def _rate_at(self, epoch: int, index: int) -> float:
        per_epoch = self.steps_per_epoch
        return learning_rate(self.settings, (epoch - 1) * per_epoch + index, self.settings.epochs * per_epoch)
