"""metrics.json reads as it was written or says what is wrong; its table has a line an epoch."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.ir.files import FileError
from msc.search.training import metrics as records  # its `Test` is no test
from msc.search.training.metrics import Metrics, MetricsError, confusion, dump_metrics, read_metrics, table
from msc.search.training.settings import Settings
from msc.search.training.watching import Epoch, Evaluation

RATES = {"stem": 0.25, "layer1.A": 0.1}
HEADER = "epoch,learning_rate,loss,accuracy,validation_loss,validation_accuracy,rate"


def epoch(number: int, **changes: Any) -> Epoch:
    held = Epoch(number, 3, 1e-3 / number, 1 / 3, 0.5, 0.25, 0.75, RATES, 1.23456)
    return replace(held, **changes)


def record() -> Metrics:
    """A finished training of three epochs in which nothing is left out."""
    metrics = Metrics(
        "0123",
        "digits",
        "4567",
        2,
        "digits",
        Settings(augment=("flip",)),
        "cpu",
        2,
        {"torch": "2"},
        {"test": 3},
    )
    for number in (1, 2, 3):
        metrics = metrics.with_epoch(epoch(number), best=min(number, 2))
    before = records.Before(0.75, 0.5)
    return replace(
        metrics,
        test=records.Tested(2 / 3, 0.1, RATES, ((1, 1), (0, 1))),
        finetuned=records.FineTuned("loihi", {"input": "bias"}, "89ab", before, before),
    )


def written(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write the record with a change to what the file holds."""
    content = json.loads(dump_metrics(record()))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    for metrics in (record(), replace(record(), epochs=(), best=None, test=None, stopped="it broke: «down»")):
        path = tmp_path / "metrics.json"
        path.write_bytes(dump_metrics(metrics))
        again = read_metrics(path)
        assert again == metrics
        assert [e.seconds for e in again.epochs] == [e.seconds for e in metrics.epochs]
        assert dump_metrics(again) == path.read_bytes()


def test_an_epoch_is_added_and_a_broken_training_goes_on() -> None:
    stopped = replace(record(), stopped="a population died")
    onward = stopped.with_epoch(epoch(4), best=4)
    assert [e.number for e in onward.epochs] == [1, 2, 3, 4]
    assert (onward.best, onward.stopped) == (4, None)
    assert len(stopped.epochs) == 3


def test_what_is_no_record_is_refused_with_what_was_found(tmp_path: Path) -> None:
    path = written(tmp_path / "m.json", lambda content: content.update(version=9))
    with pytest.raises(MetricsError) as caught:
        read_metrics(path)
    assert str(caught.value) == (
        f"{path}: is of format 'msc.training', version 9; expected 'msc.training', 1; "
        "name the folder of a run of msc train"
    )
    path.write_text("[]")
    with pytest.raises(MetricsError, match="is of format None, version None"):
        read_metrics(path)
    with pytest.raises(FileError, match="no-such-file"):
        read_metrics(tmp_path / "no-such-file")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.pop("genome"), "missing required field `genome`"),
        (lambda c: c.update(classes="2"), "Expected `int`, got `str` - at `$.classes`"),
        (lambda c: c["epochs"][1].update(loss=None), "got `null` - at `$.epochs[1].loss`"),
        (lambda c: c["epochs"].pop(0), "its epochs are not numbered 1, 2, 3, ..."),
        (lambda c: c["epochs"].append(c["epochs"][0]), "its epochs are not numbered 1, 2, 3, ..."),
        (lambda c: c["epochs"][2].update(rates={"stem": 0.5}), "its epochs do not name the same populations"),
        (lambda c: c.update(best=4), "the best epoch, 4, is none of its epochs"),
        (lambda c: c["test"].update(confusion=[[1, 2]]), "its confusion matrix is not one of 2 classes"),
        (lambda c: c["test"].update(confusion=[[1, 2], [3]]), "its confusion matrix is not one of 2 classes"),
    ],
)
def test_a_damaged_record_says_where(
    change: Callable[[dict[str, Any]], None], told: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "m.json", change)
    with pytest.raises(
        MetricsError, match=rf"m\.json: is damaged \(.*{re.escape(told)}.*\); name the folder of a run"
    ):
        read_metrics(path)


def test_whatever_the_bytes_reading_gives_a_record_or_a_metrics_error(tmp_path: Path) -> None:
    rng = random.Random(0)
    good = dump_metrics(record())
    pieces = (b"9" * 400, b"1e999", b"[" * 9000, b'"\\ud800"', b"\xff", b"NaN", b"-1", b"null", b"{}")
    for _ in range(400):
        data = bytearray(good)
        place = rng.randrange(len(data))
        data[place : place + rng.randrange(30)] = rng.choice(pieces)
        (tmp_path / "m.json").write_bytes(data)
        with suppress(MetricsError):
            assert isinstance(read_metrics(tmp_path / "m.json"), Metrics)


def test_confusion_counts_by_label_then_prediction() -> None:
    labels, predictions = np.array([0, 0, 0, 1, 2]), np.array([0, 2, 2, 1, 1])
    assert confusion(Evaluation(predictions, labels, 0.0, {}), 4) == (
        (1, 0, 2, 0),
        (0, 1, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 0, 0),
    )


def test_the_table_has_a_line_an_epoch_and_a_column_a_population() -> None:
    first = epoch(1, rates={"stem": 0.25, "a,b": 0.5})
    bare = epoch(2, validation_loss=None, validation_accuracy=None, rates=first.rates)
    text = table(replace(record(), epochs=(first, bare))).decode()
    lines = text.splitlines()
    assert lines[0] == f'{HEADER},rate:stem,"rate:a,b",seconds'
    assert lines[1] == "1,0.001,0.3333333333333333,0.5,0.25,0.75,0.375,0.25,0.5,1.235"
    assert lines[2] == "2,0.0005,0.3333333333333333,0.5,,,0.375,0.25,0.5,1.235"
    assert "\r" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["rate:a,b"] for row in rows] == ["0.5", "0.5"]


def test_the_table_of_no_epochs_is_its_header() -> None:
    assert table(replace(record(), epochs=())).decode() == f"{HEADER},seconds\n"
