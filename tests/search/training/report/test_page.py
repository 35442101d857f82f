"""The whole page: complete, well formed, self-contained, the same each time, and safe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from msc.ir.errors import MscError
from msc.search.training.metrics import Metrics, MetricsError
from msc.search.training.report import write_report
from msc.search.training.settings import Settings
from tests.search.reporting.reading import check_alone, check_ids, check_numbers
from tests.search.sample_genomes import CUT_LAYERS, LOOPED_CELL
from tests.search.training.report.made import (
    counted,
    epoch,
    finetuned,
    matrix,
    metrics,
    rates,
    reported,
    write,
)

SECTIONS = ["curves", "firing", "confusion", "network", "settings"]
CASES: dict[str, Metrics] = {
    "finished": metrics(),
    "two classes": metrics(2),
    "twenty classes": metrics(20),
    "a hundred classes": metrics(100),
    "one epoch": metrics(epochs=1),
    "very many epochs": metrics(epochs=1234),
    "nothing held out": replace(
        metrics(),
        epochs=tuple(epoch(i, 4, validation_loss=None, validation_accuracy=None) for i in range(1, 5)),
        samples={"training": 1000, "validation": 0, "test": 60},
        settings=Settings(epochs=4, validation=0.0),
    ),
    "interrupted": metrics(test=None, settings=Settings(epochs=9)),
    "interrupted at once": metrics(epochs=0),
    "stopped": metrics(test=None, stopped="population stem: fired no spike in epoch 5; train slower"),
    "stopped at once": metrics(epochs=0, stopped="population stem: fired no spike in epoch 5; train slower"),
    "another recipe": metrics(recipe="mine"),
    "classes without samples": metrics(3, test=counted([[5, 1, 0], [0, 0, 0], [0, 0, 4]])),
    "all right": metrics(2, test=counted([[5, 0], [0, 4]])),
    "all wrong": metrics(2, test=counted([[0, 5], [4, 0]])),
    "silent": metrics(test=counted(matrix(3), dict.fromkeys(rates(), 0.0))),
    "fine-tuned": metrics(finetuned=finetuned(input="bias")),
    "fine-tuned in vain": metrics(finetuned=finetuned(0.99, 0.98)),
}


@pytest.mark.parametrize("found", CASES.values(), ids=CASES.keys())
def test_the_page_is_whole_and_needs_nothing_else(found: Metrics, tmp_path: Path) -> None:
    html, page = reported(tmp_path, found)
    assert [name for name in page.sections if name] == SECTIONS
    check_alone(html, page)
    check_ids(page)
    check_numbers(page)


def test_a_cell_has_a_page(tmp_path: Path) -> None:
    _, page = reported(tmp_path, metrics(genome=LOOPED_CELL), LOOPED_CELL)
    assert "snasnet on digits" in page.text
    assert "of feedback" in page.sections["network"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report(write(tmp_path / name)) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert write_report(tmp_path / "a").read_bytes() == first.read_bytes()
    left = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert left == ["genome.json", "metrics.json", "report.html"]


def test_what_a_record_says_cannot_become_markup(tmp_path: Path) -> None:
    evil = "<script>alert(\"&')</script>"
    found = metrics(
        data=evil, recipe=evil, device=evil, data_hash=evil, versions={evil: evil}, stopped=f"{evil} broke"
    )
    found = replace(
        found,
        settings=replace(found.settings, surrogate=evil, loss=evil, augment=(evil,)),
        finetuned=replace(finetuned(), options={evil: evil}, weights=evil),
        epochs=tuple(replace(e, rates={**e.rates, evil: 0.5}) for e in found.epochs),
    )
    html, page = reported(tmp_path, found)
    assert "script" not in page.tags
    assert "<script" not in html
    assert f"mse-nas on {evil}" in page.text
    assert f"{evil} broke" in page.text
    assert page.sections["settings"].count(evil) >= 11
    assert f"loss ({evil})" in page.sections["curves"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"best": None, "test": None}, "keeps epoch None of 4"),
        ({"samples": {"test": 1}}, "does not count the samples of: training, validation"),
        ({"classes": 0, "test": None}, "has 0 classes"),
        (
            {"finetuned": replace(finetuned(), kind="tpu")},
            "is fine-tuned for 'tpu', of which this msc does not know",
        ),
        ({"epochs": (), "best": None}, "has a test of no epoch"),
        ({"test": replace(counted(matrix(3)), accuracy=0.5)}, "has a test accuracy of 0.5, by its confusion"),
        (
            {"test": replace(counted(matrix(3)), confusion=((0, 0, 0),) * 3)},
            "has a confusion matrix that counts nothing",
        ),
        (
            {"test": replace(counted(matrix(3)), confusion=((9, -1, 0), (0, 9, 0), (0, 0, 9)))},
            "has a confusion matrix that counts nothing",
        ),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    changed: dict[str, Any], told: str, tmp_path: Path
) -> None:
    write(tmp_path, replace(metrics(), **changed))
    with pytest.raises(MetricsError) as caught:
        write_report(tmp_path)
    assert f"metrics.json: {told}" in str(caught.value)
    assert "; restore the file, or train again" in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_the_genome_of_another_training_is_refused(tmp_path: Path) -> None:
    write(tmp_path, metrics(), LOOPED_CELL)
    with pytest.raises(MetricsError, match=r"genome\.json: is genome \w{12}, metrics\.json beside it tells"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["metrics.json", "genome.json"])
def test_missing_and_broken_files_are_named(name: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / name).write_text("{")
    with pytest.raises(MscError, match=name):
        write_report(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MscError, match=name):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_disconnected_genome_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MscError, match="disconnected"):
        reported(tmp_path, None, CUT_LAYERS)
