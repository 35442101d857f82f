"""A training in a folder: written down after every epoch, taken up where it stopped, tested once."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from msc.backends.weights import read_weights, write_weights
from msc.ir.files import write_atomic
from msc.ir.network import Network
from msc.search.canonical import genome_hash
from msc.search.data import Split
from msc.search.genome import Genome, load_genome
from msc.search.lower import require_connected
from msc.search.threads import one_thread
from msc.search.training.checkpoint import NAME as CHECKPOINT
from msc.search.training.checkpoint import Progress, dump_checkpoint, restore_checkpoint
from msc.search.training.health import TrainError, check_fit
from msc.search.training.learner import Learner
from msc.search.training.metrics import NAME as METRICS
from msc.search.training.metrics import (
    TABLE,
    Before,
    Metrics,
    Tested,
    confusion,
    dump_metrics,
    read_metrics,
    table,
)
from msc.search.training.precision import resolve
from msc.search.training.processes import ALONE, Ranks
from msc.search.training.runfolder import GENOME, PREDICTIONS, WEIGHTS, check_folder, write_genome
from msc.search.training.samples import Samples, samples_to_test, training_samples
from msc.search.training.settings import Settings
from msc.search.training.start import Start, read_start, write_start
from msc.search.training.watching import Epoch, Watcher

_PACKAGES = ("msc-snn", "numpy", "torch")
_HASHED_SAMPLES = 256


@dataclass(frozen=True)
class Plan:
    """What is to be trained: a genome on data, named as --data does, by the settings of a recipe.

    With a `start`, it is fine-tuned.
    """

    genome: Genome
    data: str
    recipe: str
    settings: Settings
    device: str = "cpu"
    start: Start | None = None


@dataclass(frozen=True)
class Outcome:
    """A finished training: its record, and the classes predicted for the test samples."""

    metrics: Metrics
    predictions: NDArray[np.int64]
    labels: NDArray[np.int64]
    folder: Path


def train_run(
    plan: Plan, split: Split, folder: Path, watcher: Watcher, ranks: Ranks = ALONE, resume: bool = False
) -> Outcome:
    """Train a genome's network in a folder; `resume` goes on with what lies there.

    After each epoch a checkpoint, the record and, where they are the best so far, the weights are written,
    each whole or not at all. Best is the highest validation accuracy, then the lowest validation loss;
    without validation the last. The test samples are used once: on the weights kept, after the last epoch
    (and then, for comparison, on those that a fine-tuning started from).
    Raises FileError, TrainError for a network that does not fit the data or breaks down (the record then
    says so), MetricsError and CheckpointError for a run that cannot be taken up, CompileError for a
    fine-tuning that its target refuses.
    """
    network = require_connected(plan.genome).network
    assert network is not None
    check_fit(network, split, plan.genome.skeleton.classes)
    if ranks.leads:
        check_folder(folder, resume)
    settings = replace(plan.settings, precision=resolve(plan.settings.precision, plan.device))
    with one_thread():
        return _Run(replace(plan, settings=settings), network, split, folder, watcher, ranks).go(resume)


class _Run:
    """One training and the files it keeps."""

    def __init__(
        self, plan: Plan, network: Network, split: Split, folder: Path, watcher: Watcher, ranks: Ranks
    ) -> None:
        self._plan, self._network, self._folder = plan, network, folder
        self._watcher, self._ranks = watcher, ranks
        self._training, self._validation = training_samples(split, plan.settings.validation)
        self._test = samples_to_test(split)
        self._metrics = self._described(split)
        self._identity = _identity(self._metrics)

    def go(self, resume: bool) -> Outcome:
        """Train from where the folder stands to the end, then test."""
        before = _stored(self._folder) if resume else None
        if before is not None and before.test is not None:
            self._watcher.note("the run is finished; nothing was trained")
            return self._finished(before)
        learner = self._learner()
        progress = self._taken_up(learner) if resume else None
        if progress is None:
            self._begin(learner)
        while progress is None or len(progress.epochs) < self._plan.settings.epochs:
            progress = self._epoch(learner, progress)
        return self._tested(learner, progress)

    def _learner(self) -> Learner:
        plan = self._plan
        parts = (self._training, self._validation, self._metrics.classes)
        device = _own_device(plan.device, self._ranks)
        return Learner(self._network, *parts, plan.settings, device, self._ranks, plan.start)

    def _begin(self, learner: Learner) -> None:
        """Write down what is trained; a fine-tuning says first how the weights it starts from do."""
        start = self._plan.start
        if start is not None and len(self._validation):
            self._compare("validation", self._before(learner, self._validation))
        if self._ranks.leads:
            write_genome(self._folder, self._plan.genome)
            if start is not None:
                write_start(self._folder, start, self._metrics.genome)
            self._record(self._metrics)

    def _before(self, learner: Learner, samples: Samples) -> Before:
        """Evaluate the learner's weights, those to start from, in floating point and quantised."""
        return Before(learner.evaluate(samples).accuracy, learner.judge(samples).accuracy)

    def _compare(self, part: str, before: Before) -> None:
        """Keep and tell how the first weights of a fine-tuning do."""
        assert self._metrics.finetuned is not None
        finetuned = replace(self._metrics.finetuned, **{part: before})
        self._metrics = replace(self._metrics, finetuned=finetuned)
        floating, quantised = f"{before.floating:.2%} in floating point", f"{before.quantised:.2%} quantised"
        self._watcher.note(f"{part} accuracy before fine-tuning: {floating}, {quantised}")

    def _taken_up(self, learner: Learner) -> Progress | None:
        """Go to where the checkpoint is; None where no epoch was finished."""
        path = self._folder / CHECKPOINT
        if not path.exists():
            self._watcher.note("no epoch was finished; the run begins anew")
            return None
        progress = restore_checkpoint(path, learner, self._identity)
        told = _stored(self._folder)
        finetuned = None if told is None else told.finetuned
        self._metrics = replace(
            self._metrics, epochs=progress.epochs, best=progress.best, finetuned=finetuned
        )
        self._watcher.note(f"taken up after epoch {len(progress.epochs)} of {self._plan.settings.epochs}")
        if self._ranks.leads:
            self._write_epoch(learner, progress)  # the files written after the checkpoint may be older
        return progress

    def _epoch(self, learner: Learner, before: Progress | None) -> Progress:
        try:
            epoch = learner.epoch(self._watcher)
        except TrainError as error:
            if self._ranks.leads:
                self._record(replace(self._metrics, stopped="; ".join(str(p) for p in error.problems)))
            raise
        epochs = (*before.epochs, epoch) if before else (epoch,)
        kept = before is None or _better(epoch, before.epochs[before.best - 1])
        progress = Progress(epochs, epoch.number if kept or before is None else before.best)
        self._metrics = self._metrics.with_epoch(epoch, progress.best)
        if self._ranks.leads:
            write_atomic(self._folder / CHECKPOINT, dump_checkpoint(learner, progress, self._identity))
            self._write_epoch(learner, progress)
        self._watcher.epoch(epoch, kept)
        return progress

    def _write_epoch(self, learner: Learner, progress: Progress) -> None:
        """Write what follows from a checkpoint: the weights, if they are the ones to keep, and the record."""
        if progress.best == len(progress.epochs):
            metadata = {"genome": self._metrics.genome, "epoch": str(progress.best)}
            write_atomic(self._folder / WEIGHTS, write_weights(learner.weights(), metadata))
        self._record(self._metrics)

    def _tested(self, learner: Learner, progress: Progress) -> Outcome:
        """Test the weights that are kept, the only time that the test samples are used."""
        if progress.best != len(progress.epochs):
            weights, _ = read_weights(self._folder / WEIGHTS)
            learner.module.load_weights(weights)
        found = learner.judge(self._test, self._watcher.testing)
        if self._plan.start is not None:
            learner.module.load_weights(self._plan.start.weights)
            self._compare("test", self._before(learner, self._test))
        counts = confusion(found, self._metrics.classes)
        self._metrics = replace(
            self._metrics, test=Tested(found.accuracy, found.loss, found.rates, counts), stopped=None
        )
        if self._ranks.leads:
            out = io.BytesIO()
            np.savez(out, predictions=found.predictions, labels=found.labels)
            write_atomic(self._folder / PREDICTIONS, out.getvalue())
            self._record(self._metrics)
        return Outcome(self._metrics, found.predictions, found.labels, self._folder)

    def _finished(self, before: Metrics) -> Outcome:
        with np.load(self._folder / PREDICTIONS, allow_pickle=False) as stored:
            return Outcome(before, stored["predictions"], stored["labels"], self._folder)

    def _record(self, metrics: Metrics) -> None:
        write_atomic(self._folder / METRICS, dump_metrics(metrics))
        write_atomic(self._folder / TABLE, table(metrics))

    def _described(self, split: Split) -> Metrics:
        plan = self._plan
        sizes = {"training": self._training, "validation": self._validation, "test": self._test}
        return Metrics(
            genome=genome_hash(plan.genome),
            data=plan.data,
            data_hash=_data_hash((self._training, self._validation, self._test)),
            classes=split.classes,
            recipe=plan.recipe,
            settings=plan.settings,
            device=plan.device,
            processes=self._ranks.size,
            versions={name: version(name) for name in _PACKAGES},
            samples={name: len(samples) for name, samples in sizes.items()},
            finetuned=None if plan.start is None else plan.start.told,
        )


def stored_plan(folder: Path) -> Plan:
    """Read what the run in a folder was started with.

    Raises FileError, MetricsError, GenomeError or WeightsError.
    """
    metrics = read_metrics(folder / METRICS)
    start = None if metrics.finetuned is None else read_start(folder, metrics.finetuned)
    genome = load_genome(folder / GENOME)
    return Plan(genome, metrics.data, metrics.recipe, metrics.settings, metrics.device, start)


def _stored(folder: Path) -> Metrics | None:
    path = folder / METRICS
    return read_metrics(path) if path.exists() else None


def _better(epoch: Epoch, best: Epoch) -> bool:
    """Whether an epoch's weights replace the best ones: more accurate, or as accurate at a lower loss."""
    if epoch.validation_accuracy is None or best.validation_accuracy is None:
        return True
    assert epoch.validation_loss is not None
    assert best.validation_loss is not None
    return (epoch.validation_accuracy, -epoch.validation_loss) > (
        best.validation_accuracy,
        -best.validation_loss,
    )


def _own_device(device: str, ranks: Ranks) -> str:
    """The device of this process: with several, each has its own GPU."""
    return f"{device}:{ranks.local}" if device == "cuda" and ranks.size > 1 else device


def _identity(metrics: Metrics) -> str:
    """Name a run by what decides its weights; a checkpoint of another one is not taken up."""
    finetuned = metrics.finetuned
    kind = () if finetuned is None else (finetuned.kind, finetuned.options, finetuned.weights)
    decisive = (metrics.genome, metrics.data_hash, metrics.settings, metrics.processes, *kind)
    return hashlib.sha256(msgspec.json.encode(decisive)).hexdigest()


def _data_hash(parts: tuple[Samples, ...]) -> str:
    """Name samples by all labels and some inputs, evenly spaced: whole event sets would take minutes."""
    digest = hashlib.sha256()
    for samples in parts:
        labels = samples.labels
        digest.update(np.ascontiguousarray(labels, "<i8").tobytes())
        if len(samples):
            places = np.unique(np.linspace(0, len(samples) - 1, _HASHED_SAMPLES).astype(np.int64))
            inputs, _ = samples.take(places)
            digest.update(str(inputs.shape).encode())
            digest.update(np.ascontiguousarray(inputs, "<f4").tobytes())
    return digest.hexdigest()
