"""Evaluates a candidate: spikes pass once through its untrained network, measured and guarded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msc.backends.pytorch.network import SpikingNetwork
from msc.compiler.initialise import initial_model
from msc.ir.graph import cyclic_projections
from msc.ir.network import Network, Projection
from msc.ir.neurons import LI
from msc.ir.shapes import neuron_count
from msc.search.canonical import lowered_hash
from msc.search.data import Split
from msc.search.genome import Genome
from msc.search.lower import lower
from msc.search.scoring.emissions import delays_of, shown
from msc.search.scoring.fitness import Evidence, Fitness, find_fitness, fitnesses
from msc.search.scoring.fitting import Fit
from msc.search.scoring.guards import Guards, Limits, finite_or_none
from msc.search.scoring.pricing import Pricing
from msc.search.scoring.rates import population_rates
from msc.search.scoring.records import Record, Violation
from msc.search.scoring.responses import Response, respond
from msc.search.training.health import TrainError


@dataclass(frozen=True)
class Task:
    """One evaluation: a genome under the weights of a seed, and what to find out besides its measures.

    `detailed` adds the currents delivered to each population; `trained` the measures that cost a training.
    """

    genome: Genome
    seed: int
    detailed: bool = False
    trained: bool = False


@dataclass(frozen=True)
class Evaluator:
    """All that evaluations share; picklable, and a pure function of a task on one thread.

    `batches` are the samples that candidates are shown: [B, *shape] each for static frames, [T, B, *shape]
    for events. `needed` names the measures that must come out finite. One pass of each batch serves all
    measures that need no training, those that are priced only with a `pricing`. Norms use each batch's own
    statistics, but inside a cycle those of one calibration pass of the first batch.
    """

    batches: tuple[NDArray[np.float32], ...]
    needed: tuple[str, ...] = ()
    split: Split | None = None
    limits: Limits = field(default_factory=Limits)
    guards: Guards | None = field(default_factory=Guards)
    epochs: int = 5
    device: str = "cpu"
    fit: Fit | None = None
    pricing: Pricing | None = None

    def __call__(self, task: Task) -> Record:
        """Evaluate; what is wrong with a network is in the record, a bug raises.

        Raises GenomeError for a network too large to lower, which has no hash.
        """
        lowered = lower(task.genome)
        identity, network = lowered_hash(lowered), lowered.network
        if network is None:
            return Record(identity, task.seed, failure="disconnected: no path from the input to the head")
        try:
            return self._measured(task, identity, network)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            return Record(identity, task.seed, failure="out of memory: the network is too large to run")

    def _measured(self, task: Task, identity: str, network: Network) -> Record:
        evidence = Evidence(network, (), self.split, task.seed, self.epochs)
        values = {f.name: f.measure(evidence) for f in fitnesses().values() if not (f.spikes or f.trains)}
        neurons, params = neuron_count(network), int(values["params"])
        broken = self.limits.violations(params, neurons)
        if not broken and self.fit is not None:
            broken = self.fit.violations(network)
        if broken:  # a network that is not wanted need not be run
            return Record(identity, task.seed, finite_or_none(values), neurons, params, violations=broken)
        currents = _Currents() if task.detailed else None
        ran = _Pass(network, task.seed, self.device)
        batches = tuple(ran.responses(batch, currents) for batch in self._inputs())
        evidence = self._evidence(network, task, batches)
        values |= {f.name: f.measure(evidence) for f in fitnesses().values() if self._reads_spikes(f)}
        found = self.limits.violations(params, neurons, values["synops"])
        if self.guards is not None:
            found += self.guards.violations(network, batches)
        found += ran.not_finite()
        if task.trained:
            trained, failed = _train(evidence)
            values, found = values | trained, found + failed
        found += tuple(self._undefined(values))
        return Record(
            identity,
            task.seed,
            finite_or_none(values),
            neurons,
            params,
            population_rates(batches),
            None if currents is None else currents.by_population(network),
            found,
        )

    def _evidence(self, network: Network, task: Task, batches: tuple[tuple[Response, ...], ...]) -> Evidence:
        """Put together what a pass of all batches found."""
        steps = batches[0][0].steps
        inputs = tuple(shown(network, batch, steps) for batch in self.batches)
        return Evidence(network, batches, self.split, task.seed, self.epochs, inputs, self.pricing)

    def _reads_spikes(self, fitness: Fitness) -> bool:
        """Whether a measure needs responses, no training, and no profile that there is not."""
        return fitness.spikes and not fitness.trains and not (fitness.priced and self.pricing is None)

    def _inputs(self) -> Iterator[Tensor]:
        for batch in self.batches:
            yield torch.from_numpy(batch).to(self.device)

    def _undefined(self, values: dict[str, float]) -> Iterator[Violation]:
        """Note needed measures that are no finite numbers: they must never be compared."""
        for name in self.needed:
            if name in values and not np.isfinite(values[name]):
                yield Violation("not-a-number", 1.0, f"{name} is {values[name]}")


class _Pass:
    """A network under initial weights, ready to respond to batches."""

    def __init__(self, network: Network, seed: int, device: str) -> None:
        self.network = network
        self.module = SpikingNetwork(network)
        self.module.load_weights(initial_model(network, seed).weights)
        self.module.to(device).train()
        cyclic = cyclic_projections(network)
        self._uncalibrated = {
            p.target for p in network.projections if p.norm is not None and p.name in cyclic
        }

    def responses(self, inputs: Tensor, currents: _Currents | None) -> tuple[Response, ...]:
        """Pass one batch, population by population; the running statistics stay as calibrated."""
        with torch.no_grad():
            if self._uncalibrated:
                self._calibrate(inputs)
            self.module.momentum = 0.0
            observer = None if currents is None else currents.add
            return tuple(
                respond(name, values, delays_of(self.network, name))
                for name, values in self.module.stream(inputs, observer=observer)
                if not isinstance(self.network.population(name).neuron, LI)
            )

    def _calibrate(self, inputs: Tensor) -> None:
        """Pass a batch as far as the last population in a cycle, to set the running statistics there."""
        self.module.momentum = 1.0
        for name, _ in self.module.stream(inputs):
            self._uncalibrated.discard(name)
            if not self._uncalibrated:
                return

    def not_finite(self) -> tuple[Violation, ...]:
        """Find norms whose statistics are no numbers: spikes would hide it, as NaN fires no neuron."""
        wrong = [
            name.split("/")[0].replace(":", ".")
            for name, buffer in self.module.named_buffers()
            if name.endswith("/norm/var") and not bool(torch.isfinite(buffer).all())
        ]
        return (Violation("not-a-number", 1.0, f"currents of {', '.join(wrong)}"),) if wrong else ()


class _Currents:
    """Adds up what projections deliver, positive and negative parts apart."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float, int]] = {}

    def add(self, projection: Projection, current: Tensor) -> None:
        """Take in a delivered current, of any leading axes."""
        excitatory, inhibitory, count = self._sums.get(projection.name, (0.0, 0.0, 0))
        positive = float(current.clamp(min=0).sum(dtype=torch.float64))
        negative = float(current.clamp(max=0).sum(dtype=torch.float64))
        self._sums[projection.name] = (excitatory + positive, inhibitory + negative, count + current.numel())

    def by_population(self, network: Network) -> dict[str, tuple[float, float]]:
        """Mean excitatory and inhibitory current into each population, per neuron, step and sample."""
        found: dict[str, tuple[float, float]] = {}
        for population in network.populations:
            sums = [self._sums[p.name] for p in network.into(population.name)]
            if sums:
                means = [(e / count, i / count) for e, i, count in sums]
                found[population.name] = (sum(e for e, _ in means), sum(i for _, i in means))
        return found


def _train(evidence: Evidence) -> tuple[dict[str, float], tuple[Violation, ...]]:
    """Measure what costs a training; a training that breaks down is a violation with its reason."""
    names = [name for name in fitnesses() if find_fitness(name).trains]
    try:
        return {name: find_fitness(name).measure(evidence) for name in names}, ()
    except TrainError as error:
        return dict.fromkeys(names, float("nan")), (Violation("training", 1.0, str(error)),)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
