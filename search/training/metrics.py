"""The record of a training that people and reports read: RUN/metrics.json, and its epochs as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from msc.ir.errors import MscError
from msc.ir.files import read_limited
from msc.search.training.settings import Settings
from msc.search.training.watching import Epoch, Evaluation

FORMAT, VERSION = "msc.training", 1
NAME, TABLE = "metrics.json", "metrics.csv"
LIMIT_BYTES = 1 << 28


class MetricsError(MscError):
    """A file is no record of a training, or a damaged one."""


@dataclass(frozen=True)
class Tested:
    """How the kept network does on the test samples; `confusion[label][prediction]` counts them."""

    accuracy: float
    loss: float
    rates: Mapping[str, float]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Before:
    """The accuracy of the weights a fine-tuning starts from, in floating point and quantised."""

    floating: float
    quantised: float


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning is for, and what it starts from.

    `kind` and `options` are those of `--finetune` and `--option`, `weights` is the hash of the first weights;
    how these do on validation samples is measured before the first epoch, on test samples at the end.
    """

    kind: str
    options: Mapping[str, str]
    weights: str
    validation: Before | None = None
    test: Before | None = None


@dataclass(frozen=True)
class Metrics:
    """All there is to say of a training so far.

    `genome` is the genome's hash, `data_hash` that of the samples; `samples` counts those of `training`,
    `validation` and `test`. `best` is the number of the epoch whose weights are kept, `test` how they do,
    once, at the end; `stopped` says why a training broke down. With `finetuned`, all validation figures and
    the test are of the quantised network.
    """

    genome: str
    data: str
    data_hash: str
    classes: int
    recipe: str
    settings: Settings
    device: str
    processes: int
    versions: Mapping[str, str]
    samples: Mapping[str, int]
    epochs: tuple[Epoch, ...] = ()
    best: int | None = None
    test: Tested | None = None
    stopped: str | None = None
    finetuned: FineTuned | None = None
    format: str = FORMAT
    version: int = VERSION

    def with_epoch(self, epoch: Epoch, best: int) -> Metrics:
        """Add a finished epoch."""
        return replace(self, epochs=(*self.epochs, epoch), best=best, stopped=None)


def confusion(evaluation: Evaluation, classes: int) -> tuple[tuple[int, ...], ...]:
    """Count samples by label (row) and prediction (column)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (evaluation.labels, evaluation.predictions), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def dump_metrics(metrics: Metrics) -> bytes:
    """Make the bytes of metrics.json."""
    return msgspec.json.format(msgspec.json.encode(metrics), indent=1) + b"\n"


def read_metrics(path: Path) -> Metrics:
    """Read metrics.json; raises FileError where it cannot be read, MetricsError where it is no such file."""
    data = read_limited(path, LIMIT_BYTES, "record of a training")
    again = "name the folder of a run of msc train"
    try:
        raw = msgspec.json.decode(data)
        found = (raw.get("format"), raw.get("version")) if isinstance(raw, dict) else (None, None)
        if found != (FORMAT, VERSION):
            what = f"is of format {found[0]!r}, version {found[1]!r}; expected {FORMAT!r}, {VERSION}"
            raise MetricsError.of(str(path), what, again)
        metrics = msgspec.convert(raw, Metrics, strict=True)
        _check(metrics)
        return metrics
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MetricsError.of(str(path), f"is damaged ({error})", again) from error


def _check(metrics: Metrics) -> None:
    """Raise ValueError where parts do not belong together."""
    numbers = [epoch.number for epoch in metrics.epochs]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError("its epochs are not numbered 1, 2, 3, ...")
    if any(epoch.rates.keys() != metrics.epochs[0].rates.keys() for epoch in metrics.epochs):
        raise ValueError("its epochs do not name the same populations")
    if metrics.best is not None and metrics.best not in numbers:
        raise ValueError(f"the best epoch, {metrics.best}, is none of its epochs")
    rows = () if metrics.test is None else metrics.test.confusion
    if metrics.test is not None and [len(row) for row in rows] != [metrics.classes] * metrics.classes:
        raise ValueError(f"its confusion matrix is not one of {metrics.classes} classes")


def table(metrics: Metrics) -> bytes:
    """Make the bytes of metrics.csv: one line an epoch, a column `rate:NAME` for each population."""
    names = list(metrics.epochs[0].rates) if metrics.epochs else []
    head = ["epoch", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy", "rate"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, *(f"rate:{name}" for name in names), "seconds"])
    for epoch in metrics.epochs:
        values: list[Any] = [epoch.number, epoch.learning_rate, epoch.loss, epoch.accuracy]
        values += [epoch.validation_loss, epoch.validation_accuracy, epoch.rate]
        writer.writerow([*values, *(epoch.rates[name] for name in names), round(epoch.seconds, 3)])
    return out.getvalue().encode()
