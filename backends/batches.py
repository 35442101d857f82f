"""What simulators show of a run, batch of samples by batch, span of steps by span."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.pytorch.portions import LONGEST_SPAN, portion
from msc.backends.running import FIXED_POINT_TARGET, Runner
from msc.backends.simulators.contracts import CannotRunError, Simulator
from msc.backends.simulators.workers import Workers
from msc.compiler.timing import is_retimed, latency
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model, Network
from msc.ir.neurons import LI, FixedLIF, InputKind, Source
from msc.ir.shapes import population_shapes
from msc.ir.simulate import Trace, input_frames, simulate

BATCH_BYTES = 2**26
"""What all steps of a batch may take, where a simulator shows them at once."""
_GATHERED = 16  # steps of the emulator
_VALUE_BYTES = 24  # of what a simulator keeps for each neuron and step, the arrays it makes them of too
_REFERENCE, _LAVA = "reference", "lava"


@dataclass(frozen=True, eq=False)
class Task:
    """A model, its input, [B, *shape] for a static source, else [T, B, *shape], and T."""

    model: Model
    inputs: NDArray[Any]
    steps: int

    @property
    def network(self) -> Network:
        """The network that is run."""
        return self.model.network

    @property
    def source(self) -> Source:
        """What takes the input."""
        neuron = self.network.source.neuron
        assert isinstance(neuron, Source)
        return neuron

    @property
    def is_static(self) -> bool:
        """Whether the input has no time axis."""
        return self.source.kind is InputKind.STATIC

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return self.inputs.shape[0 if self.is_static else 1]

    @property
    def timesteps(self) -> int | None:
        """The steps as simulators take them: None where the input has a time axis."""
        return self.steps if self.is_static else None

    def parts(self, samples: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Cut the input into parts of at most `samples`: how many there are, and their input."""
        for begin in range(0, self.samples, samples):
            end = min(begin + samples, self.samples)
            yield end - begin, self.inputs[begin:end] if self.is_static else self.inputs[:, begin:end]


@dataclass(frozen=True, eq=False)
class Take:
    """What a population emitted from step `first` on, [t, B, *shape], as `Recorder.take` is given it."""

    population: str
    first: int
    emitted: NDArray[Any]
    changed: NDArray[np.int64] | None = None
    repeats: int = 1


@dataclass(frozen=True, eq=False)
class Batch:
    """Some samples, and all that is shown of them: good until the next is asked for."""

    samples: int
    takes: Iterable[Take]


def on_executor(task: Task) -> Iterator[Batch]:
    """Run the executor, in float32, a span of steps at a time; shows membranes."""
    from msc.backends.pytorch import SpikingNetwork

    module = SpikingNetwork(task.network)
    module.load_weights(task.model.weights)
    module.eval()
    samples, steps = portion(task.network, task.steps)
    for size, inputs in task.parts(samples):
        yield Batch(size, _spans(module, task, inputs, steps))


def _spans(module: Any, task: Task, inputs: NDArray[Any], steps: int) -> Iterator[Take]:
    from msc.backends.pytorch.spans import spans

    for span in spans(module, inputs, task.timesteps, steps, updates=True):
        values = span.values.numpy()
        changed = None if span.changed is None else span.changed.numpy()
        yield Take(span.population, span.first, values, changed, span.steps // len(values))


def on_emulator(task: Task) -> Iterator[Batch]:
    """Run the emulator of Loihi on a network in fixed point; shows membranes."""
    from msc.backends.lava.emulator import stream

    moments = stream(task.model, task.inputs, task.timesteps, updates=True)
    for (begin, end), those in groupby(moments, key=lambda m: (m.samples.start, m.samples.stop)):
        yield Batch(end - begin, _gathered(task, those))


def _gathered(task: Task, moments: Iterable[Any]) -> Iterator[Take]:
    """Show some steps together, which count faster."""
    source, first = task.network.source.name, 0
    frames: list[NDArray[np.float64]] = []
    spikes: dict[str, NDArray[np.bool_]] = {}
    changed: dict[str, NDArray[np.int64]] = {}
    for moment in moments:
        place = moment.step - first
        if task.is_static and moment.step == 0:
            yield Take(source, 0, moment.frames[None], repeats=task.steps)
        elif not task.is_static:
            frames.append(moment.frames)
        for name, values in moment.spikes.items():
            if name not in spikes:
                spikes[name] = np.empty((min(_GATHERED, task.steps), *values.shape), np.bool_)
            spikes[name][place] = values
            changed[name] = moment.changed[name] + (changed[name] if place else 0)
        if place + 1 < _GATHERED and moment.step + 1 < task.steps:
            continue
        if frames:
            yield Take(source, first, np.stack(frames))
        for name, values in spikes.items():
            yield Take(name, first, np.moveaxis(values[: place + 1], -1, 1), changed[name])
        first = moment.step + 1
        frames.clear()


def on_reference(task: Task) -> Iterator[Batch]:
    """Run the reference simulator; shows membranes."""
    for size, inputs in task.parts(_samples_at_once(task)):
        trace = simulate(task.model, inputs, task.timesteps, membranes=True)
        changed = {name: _changed(task.network, name, trace) for name in trace.spikes}
        yield Batch(size, _takes(task, inputs, trace.spikes, changed))


def on_simulator(task: Task, simulator: Simulator) -> Iterator[Batch]:
    """Run any other simulator; shows no membranes.

    Raises CannotRunError where it is not installed, runs no network of this kind, refuses it, or does not
    show all of its populations.
    """
    fixed = is_fixed_point(task.network)
    if simulator.target == FIXED_POINT_TARGET and not fixed:
        what = "runs networks in fixed point, this one is in floating point"
        raise CannotRunError.of(simulator.name, what, "quantise the network, or choose another simulator")
    machine = fixed and is_retimed(task.network) and simulator.name == _LAVA
    with Workers() as workers:
        runner = Runner(task.model, task.inputs, task.timesteps, workers)
        for size, inputs in task.parts(_samples_at_once(task)):
            # What was made for the first part stays.
            found = _on_machine(task, inputs) if machine else replace(runner, inputs=inputs).run(simulator)
            _require_all(task, simulator.name, found, size)
            yield Batch(size, _takes(task, inputs, found, {}))


def _samples_at_once(task: Task) -> int:
    """Bound the samples that a simulator shows all steps of in BATCH_BYTES."""
    neurons = sum(prod(shape) for shape in population_shapes(task.network).values())
    return max(BATCH_BYTES // (_VALUE_BYTES * neurons * task.steps), 1)


def _on_machine(task: Task, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    """Run real Lava on a network in machine time, which counts its logical steps itself."""
    from msc.backends.lava.bundle import bundle_files
    from msc.backends.lava.runner import run_on_lava, time_limit

    logical = task.steps - latency(task.network)
    given, timesteps = (inputs, logical) if task.is_static else (inputs[:logical], None)
    samples = inputs.shape[0 if task.is_static else 1]
    seconds = time_limit(task.network, task.steps, samples)
    return run_on_lava(bundle_files(task.model), given, timesteps, machine=True, seconds=seconds)


def _require_all(task: Task, simulator: str, found: Mapping[str, NDArray[Any]], samples: int) -> None:
    shapes = population_shapes(task.network)
    names = [population.name for population in task.network.populations if not population.is_source]
    hidden = [n for n in names if n not in found or found[n].shape != (task.steps, samples, *shapes[n])]
    if hidden:
        what = f"does not show {', '.join(hidden)}"
        raise CannotRunError.of(simulator, what, "choose a simulator that shows every population")


def _takes(
    task: Task,
    inputs: NDArray[Any],
    values: Mapping[str, NDArray[Any]],
    changed: Mapping[str, NDArray[np.int64]],
) -> Iterator[Take]:
    """Show all steps of a batch, source and populations."""
    source = task.network.source.name
    _, frames = input_frames(task.source, inputs, task.timesteps)
    if task.is_static:
        yield Take(source, 0, frames[None], repeats=task.steps)
    shown = {} if task.is_static else {source: frames}
    for name in (p.name for p in task.network.populations if not p.is_source):
        shown[name] = values[name]
    for name, emitted in shown.items():
        for first in range(0, task.steps, LONGEST_SPAN):
            counted = None if name not in changed else changed[name] * (first == 0)  # all with the first span
            yield Take(name, first, emitted[first : first + LONGEST_SPAN], counted)


def _changed(network: Network, name: str, trace: Trace) -> NDArray[np.int64]:
    """Count, by sample, the membranes that steps changed; at the first step all."""
    membranes, neuron = trace.membranes[name], network.population(name).neuron
    if not isinstance(neuron, LI | Source):
        reset = 0.0 if isinstance(neuron, FixedLIF) else neuron.v_reset
        membranes = np.where(trace.spikes[name] != 0, reset, membranes)
    steps, samples = membranes.shape[:2]
    by_sample = membranes.reshape(steps, samples, -1)
    later = np.count_nonzero(by_sample[1:] != by_sample[:-1], axis=(0, 2))
    return later.astype(np.int64) + by_sample.shape[2]
