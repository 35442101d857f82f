"""A training as a report reads it: the record, the genome, and what follows from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from pathlib import Path
from typing import Any

from msc.ir.describe import INHIBITORY
from msc.ir.errors import Problem, raise_all
from msc.ir.graph import update_order
from msc.search.canonical import genome_hash
from msc.search.describe import INPUT, describe
from msc.search.genome import Genome, load_genome
from msc.search.lower import require_connected
from msc.search.training.finetuning import finetuning_names
from msc.search.training.metrics import NAME, Metrics, MetricsError, read_metrics
from msc.search.training.report.tested import overall
from msc.search.training.runfolder import GENOME
from msc.search.training.watching import Epoch

_PARTS = ("training", "validation", "test")
_AGAIN = "restore the file, or train again"


@dataclass(frozen=True)
class Member:
    """A population of the network."""

    name: str
    inhibitory: bool
    neurons: int
    is_output: bool


@dataclass(frozen=True)
class Run:
    """One training of one genome, finished or not."""

    metrics: Metrics
    genome: Genome

    @cached_property
    def description(self) -> dict[str, Any]:
        """The genome as `describe` gives it."""
        return describe(self.genome)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The populations in the order that spikes pass them, without the input."""
        network = require_connected(self.genome).network
        assert network is not None
        described = {p["name"]: p for p in self.description["populations"] if p["role"] != INPUT}
        found = ((name, described[name]) for name in update_order(network) if name in described)
        return tuple(
            Member(name, p["role"] == INHIBITORY, p["neurons"], name == network.output) for name, p in found
        )

    @property
    def what(self) -> str:
        """What is trained on what, as plain text."""
        return f"{self.genome.space} on {self.metrics.data}"

    @property
    def kept(self) -> Epoch | None:
        """The epoch whose weights are kept."""
        best = self.metrics.best
        return None if best is None else self.metrics.epochs[best - 1]

    @property
    def validated(self) -> bool:
        """Whether samples were held out to choose the epoch by."""
        return self.metrics.samples["validation"] > 0

    @property
    def rates(self) -> Mapping[str, float]:
        """The rates of the kept network: on the test samples, before the test those of its epoch."""
        if self.metrics.test is not None:
            return self.metrics.test.rates
        return {} if self.kept is None else self.kept.rates

    @property
    def seconds(self) -> float:
        """How long the epochs took, each with its validation."""
        return sum(epoch.seconds for epoch in self.metrics.epochs)

    @property
    def spikes_per_sample(self) -> float | None:
        """How often all neurons together spike for a sample, all time steps; None before any epoch."""
        if not self.rates:
            return None
        return sum(self.spikes_of(member) or 0.0 for member in self.members)

    def spikes_of(self, member: Member) -> float | None:
        """Count the mean spikes of a population for a sample: rate * neurons * steps."""
        rate = self.rates.get(member.name)
        return None if rate is None else rate * member.neurons * self.genome.skeleton.timesteps


def read_run(folder: Path) -> Run:
    """Read the record and the genome of a training; raises FileError, MetricsError or GenomeError."""
    metrics = read_metrics(folder / NAME)
    genome = load_genome(folder / GENOME)
    require_connected(genome)
    found = genome_hash(genome)
    if found != metrics.genome:
        what = f"is genome {found[:12]}, {NAME} beside it tells of {metrics.genome[:12]}"
        raise MetricsError.of(str(folder / GENOME), what, _AGAIN)
    raise_all(MetricsError, (Problem(str(folder / NAME), what, _AGAIN) for what in _contradictions(metrics)))
    return Run(metrics, genome)


def _contradictions(metrics: Metrics) -> Iterator[str]:
    """Find what can be read, but no training writes and no page could show."""
    count, best, test = len(metrics.epochs), metrics.best, metrics.test
    if (best is None) != (count == 0):
        yield f"keeps epoch {best} of {count}"
    missing = [part for part in _PARTS if part not in metrics.samples]
    if missing:
        yield f"does not count the samples of: {', '.join(missing)}"
    finetuned = metrics.finetuned
    if finetuned is not None and finetuned.kind not in finetuning_names():
        yield f"is fine-tuned for {finetuned.kind!r}, of which this msc does not know"
    if metrics.classes < 1:
        yield f"has {metrics.classes} classes"
    if test is None:
        return
    if best is None:
        yield "has a test of no epoch"
    counted = overall(test)
    if not counted.samples or min(map(min, test.confusion)) < 0:
        yield "has a confusion matrix that counts nothing"
    elif not isclose(test.accuracy, counted.hits / counted.samples, abs_tol=1e-9):
        share = counted.hits / counted.samples
        yield f"has a test accuracy of {test.accuracy}, by its confusion matrix {share}"
