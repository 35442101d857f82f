"""Records of trainings that never were, for a real genome, with figures that a test can choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from msc.search.canonical import genome_hash
from msc.search.genome import Genome, dump_genome
from msc.search.lower import require_connected
from msc.search.training.metrics import Before, FineTuned, Metrics, Tested, dump_metrics
from msc.search.training.report import write_report
from msc.search.training.report.run import Run
from msc.search.training.settings import Settings
from msc.search.training.watching import Epoch
from tests.search.reporting.reading import Page, read_page
from tests.search.sample_genomes import layered

FI, FBI = 2, 3
GENOME = layered([(FI, [1, 1, 1, 1]), (FBI, [1, 1, 1, 1])], channels=4)
SAMPLES = {"training": 900, "validation": 100, "test": 50}


def names(genome: Genome = GENOME) -> list[str]:
    network = require_connected(genome).network
    assert network is not None
    return [p.name for p in network.populations if not p.is_source]


def rates(genome: Genome = GENOME, **changed: float) -> dict[str, float]:
    """Rates of all populations, 0.10 and upwards; those in `changed` as said, with _ for a dot."""
    found = {name: 0.1 + 0.01 * i for i, name in enumerate(names(genome))}
    return found | {name.replace("_", "."): rate for name, rate in changed.items()}


def epoch(number: int, of: int, genome: Genome = GENOME, **changed: Any) -> Epoch:
    known = {
        "learning_rate": 0.004 / number,
        "loss": 2.0 / number,
        "accuracy": 0.9 - 0.4 / number,
        "validation_loss": 2.1 / number,
        "validation_accuracy": 0.88 - 0.4 / number,
        "rates": rates(genome),
        "seconds": 2.0,
    }
    return Epoch(number, of, **(known | changed))


def counted(confusion: Sequence[Sequence[int]], found: Mapping[str, float] | None = None) -> Tested:
    counts = np.array(confusion)
    return Tested(
        float(np.trace(counts) / counts.sum()),
        0.3,
        rates() if found is None else found,
        tuple(tuple(int(count) for count in row) for row in counts),
    )


def matrix(classes: int, each: int = 20) -> list[list[int]]:
    """Some of each class are taken for the next one."""
    counts = np.eye(classes, dtype=int) * each
    for label in range(classes):
        wrong = label % 4
        counts[label, label] -= wrong
        counts[label, (label + 1) % classes] += wrong
    return counts.tolist()


def finetuned(floating: float = 0.8, quantised: float = 0.7, **options: str) -> FineTuned:
    """A fine-tuning of weights that do so, on validation samples and a little worse in the test."""
    before = Before(floating, quantised), Before(floating - 0.01, quantised - 0.01)
    return FineTuned("loihi", options, "ab" * 32, *before)


def metrics(classes: int = 3, epochs: int = 4, genome: Genome = GENOME, **changed: Any) -> Metrics:
    """A training that went well, but for what is `changed`."""
    found = Metrics(
        genome=genome_hash(genome),
        data="digits",
        data_hash="d1" * 32,
        classes=classes,
        recipe="digits",
        settings=Settings(epochs=epochs),
        device="cpu",
        processes=1,
        versions={"msc-snn": "0.1.0", "torch": "2.9"},
        samples=SAMPLES,
        epochs=tuple(epoch(i + 1, epochs, genome) for i in range(epochs)),
        best=epochs or None,
        test=counted(matrix(classes), rates(genome)) if epochs else None,
    )
    return replace(found, **changed)


def run(found: Metrics | None = None, genome: Genome = GENOME) -> Run:
    return Run(found or metrics(), genome)


def write(folder: Path, found: Metrics | None = None, genome: Genome = GENOME) -> Path:
    """Write what a training leaves for the report."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "metrics.json").write_bytes(dump_metrics(found or metrics()))
    (folder / "genome.json").write_bytes(dump_genome(genome))
    return folder


def reported(folder: Path, found: Metrics | None = None, genome: Genome = GENOME) -> tuple[str, Page]:
    path = write_report(write(folder, found, genome))
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    return html, read_page(html)
