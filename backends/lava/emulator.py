"""The integer emulator of Loihi networks: `msc.ir.simulate` on fixed-point models, fast and in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.lava.frames import Frames, frames_held
from msc.backends.lava.integrators import Integrator
from msc.backends.lava.kernels import CannotEmulateError, Workspace, make_kernel
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import fixed_point_problems, is_fixed_point
from msc.ir.graph import update_order
from msc.ir.network import Model, Network, Projection
from msc.ir.neurons import InputKind, Source
from msc.ir.ops import Conv2d, Quantise, Shape
from msc.ir.shapes import population_shapes, projection_shapes
from msc.ir.simulate import input_frames, input_steps, populations_to_record

CHUNK_BYTES = 2**24  # of state and buffers: more samples at once would only leave the caches

__all__ = ["CannotEmulateError", "Emulation", "Moment", "emulate", "stream"]


@dataclass(frozen=True)
class Emulation:
    """What an emulation recorded, by population name.

    `spikes`: uint8 [T, B, *shape]. `voltages`: int32 [B, *shape], the membrane after the last step's
    reset, empty unless asked for.
    """

    output: str
    spikes: dict[str, NDArray[np.uint8]]
    voltages: dict[str, NDArray[np.int32]]

    @property
    def outputs(self) -> NDArray[np.uint8]:
        """The output population's spikes, [T, B, *shape]."""
        return self.spikes[self.output]


@dataclass(frozen=True, eq=False)
class Moment:
    """What populations, by name, are after `step` for some of the `samples`: good until the next one.

    `frames` [b, *shape] is what the source shows, `spikes` [*shape, b] what the others emitted, `membranes`
    [*shape, b] are those after the reset. `changed` counts, by sample [b], the membranes that the step
    changed (at the first step: all); empty unless asked for.
    """

    samples: slice
    step: int
    frames: NDArray[np.float64]
    spikes: Mapping[str, NDArray[np.bool_]]
    membranes: Mapping[str, NDArray[Any]]
    changed: Mapping[str, NDArray[np.int64]]


def emulate(
    model: Model,
    inputs: NDArray[Any],
    timesteps: int | None = None,
    record: Collection[str] | None = None,
    voltages: bool = False,
) -> Emulation:
    """Run a fixed-point model, in logical or machine time; the same spikes as `simulate`, bit for bit.

    `inputs` is [B, *shape] for a static source, else [T, B, *shape]; `timesteps` defaults to the network's
    for a static source. `record` names the populations whose spikes (and, with `voltages`, final membranes)
    to keep (None: all; the output is always kept). Samples are run in chunks, so that memory beyond what is
    recorded is bounded. Raises InputError as `simulate` does, CannotEmulateError for a model that is not in
    fixed point.
    """
    network = model.network
    kept = populations_to_record(network, record)
    raise_all(CannotEmulateError, _refusals(model))
    steps, samples = _steps_and_samples(network, inputs, timesteps)
    shapes = population_shapes(network)
    spikes = {name: np.zeros((steps, samples, *shapes[name]), np.uint8) for name in kept}
    final = {name: np.zeros((samples, *shapes[name]), np.int32) for name in kept if voltages}
    for moment in stream(model, inputs, timesteps):
        for name in kept:
            spikes[name][moment.step, moment.samples] = np.moveaxis(moment.spikes[name], -1, 0)
        if moment.step == steps - 1:
            for name, values in final.items():
                values[moment.samples] = np.moveaxis(moment.membranes[name], -1, 0)
    return Emulation(network.output, spikes, final)


def stream(
    model: Model, inputs: NDArray[Any], timesteps: int | None = None, updates: bool = False
) -> Iterator[Moment]:
    """Run as `emulate` and yield every step of some samples, then every step of the next.

    Memory grows with neither steps nor samples. `updates` counts the membranes that change. Input is
    converted, and what is wrong with its values found, as it is reached.
    """
    network = model.network
    raise_all(CannotEmulateError, _refusals(model))
    steps, samples = _steps_and_samples(network, inputs, timesteps)
    chunk = max(1, CHUNK_BYTES // _bytes_per_sample(network, steps))
    run: _Run | None = None
    for begin in range(0, samples, chunk):
        here = slice(begin, min(begin + chunk, samples))
        frames = Frames(network, inputs, here, steps)
        if run is None or run.batch != here.stop - begin:
            run = _Run(model, here.stop - begin)
        for step, (spikes, changed) in enumerate(run.steps(frames, steps, updates)):
            membranes = {name: integrator.membrane for name, integrator in run.integrators.items()}
            yield Moment(here, step, frames.at(step), spikes, membranes, changed)


def _steps_and_samples(network: Network, inputs: NDArray[Any], timesteps: int | None) -> tuple[int, int]:
    """Check the kind and shape of an input; returns T and the number of samples."""
    neuron = network.source.neuron
    assert isinstance(neuron, Source)
    static = neuron.kind is InputKind.STATIC
    shown = network.timesteps if timesteps is None and static else timesteps
    if inputs.dtype.kind not in "fiub":
        input_frames(neuron, inputs, shown)  # says what is wrong
    return input_steps(neuron, inputs.shape, shown), inputs.shape[0 if static else 1]


class _Run:
    """A network's buffers and states for one size of batch."""

    def __init__(self, model: Model, batch: int) -> None:
        network = model.network
        shapes = population_shapes(network)
        workspace = Workspace()
        self.batch = batch
        self.source = network.source.name
        self.order = [name for name in update_order(network) if name != self.source]
        self.into = {name: network.into(name) for name in self.order}
        self.kernels = {
            p.name: make_kernel(p, model, shapes[p.source], batch, workspace) for p in network.projections
        }
        self.integrators: dict[str, Integrator] = {}
        self.past: dict[str, NDArray[np.bool_]] = {}  # a ring of the last steps' spikes
        for name in self.order:
            shape = shapes[name]
            reaches = [self.kernels[p.name].reach for p in self.into[name]]
            self.integrators[name] = Integrator(network.population(name), model, shape, batch, reaches)
            depth = 1 + max((p.delay for p in network.out_of(name)), default=0)
            self.past[name] = np.zeros((depth, *shape, batch), np.bool_)

    def steps(
        self, frames: Frames, steps: int, updates: bool
    ) -> Iterator[tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.int64]]]]:
        """Run from rest; yields every population's spikes, [*shape, B], good until the next step.

        With `updates`, how many membranes the step changed, too, [B].
        """
        constant = self._constants(frames.at(0)) if frames.static else {}
        active = {name: [False] * len(ring) for name, ring in self.past.items()}
        for integrator in self.integrators.values():
            integrator.rest()
        for t in range(steps):
            emitted: dict[str, NDArray[np.bool_]] = {}
            changed: dict[str, NDArray[np.int64]] = {}
            for name in self.order:
                slot, integrator = t % len(self.past[name]), self.integrators[name]
                spikes = emitted[name] = self.past[name][slot]
                if updates:  # at rest nothing changes, but the first step counts
                    changed[name] = np.full(self.batch, 0 if t else prod(spikes.shape[:-1]), np.int64)
                if t < integrator.start:
                    spikes.fill(False)
                else:
                    delivered = self._delivered(name, t, frames, constant, active)
                    integrator.advance(delivered, spikes, changed[name] if updates and t else None)
                active[name][slot] = bool(spikes.any())
            yield emitted, changed

    def _constants(self, frame: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Compute once what a static frame delivers at every step."""
        values = np.moveaxis(frame, 0, -1)
        return {
            p.name: self.kernels[p.name](values).astype(self.integrators[name].dtype)
            for name in self.order
            for p in self.into[name]
            if p.source == self.source
        }

    def _delivered(
        self,
        name: str,
        t: int,
        frames: Frames,
        constant: dict[str, NDArray[Any]],
        active: dict[str, list[bool]],
    ) -> Iterator[NDArray[Any]]:
        """Yield what each projection delivers at step t; nothing for those that were silent."""
        for projection in self.into[name]:
            emitted_at = t - projection.delay
            if emitted_at < 0:
                continue
            if projection.name in constant:
                yield constant[projection.name]
            elif projection.source == self.source:
                yield self.kernels[projection.name](np.moveaxis(frames.at(emitted_at), 0, -1))
            else:
                slot = emitted_at % len(self.past[projection.source])
                if active[projection.source][slot]:
                    yield self.kernels[projection.name](self.past[projection.source][slot])


def _refusals(model: Model) -> Iterator[Problem]:
    """Find what is not in fixed point."""
    network = model.network
    if not is_fixed_point(network):
        yield Problem("network", "is not in fixed point", "lower it for the target lava first")
        return
    yield from fixed_point_problems(model)
    source = network.source.neuron
    analog = isinstance(source, Source) and source.kind is not InputKind.EVENTS
    for projection in network.projections:
        if projection.norm is not None:
            yield Problem(f"projection {projection.name}", "has a norm", "fold it into the weights")
        quantised = bool(projection.ops) and isinstance(projection.ops[0], Quantise)
        if analog and projection.source == network.source.name and not quantised:
            yield Problem(
                f"projection {projection.name}", "sends analog values as they are", "quantise the network"
            )


def _bytes_per_sample(network: Network, steps: int) -> int:
    """Bound the bytes that one sample takes, all in float64: frames, states, spikes, windows."""
    shapes = population_shapes(network)
    total = 12 * frames_held(network, steps) * prod(shapes[network.source.name])
    for population in network.populations:
        longest = max((p.delay for p in network.out_of(population.name)), default=0)
        total += (18 + longest) * prod(shapes[population.name])
    scratch = [0]
    for projection in network.projections:
        padded, windows = _buffers(projection, shapes[projection.source])
        total += 8 * padded
        scratch.append(8 * (windows + prod(shapes[projection.target])))
    return total + max(scratch)


def _buffers(projection: Projection, source: Shape) -> tuple[int, int]:
    """Count the values that a projection's padded maps and their windows hold."""
    chain = projection_shapes(projection, source)
    padded, windows = prod(source), 0
    for op, before, after in zip(projection.ops, chain, chain[1:], strict=False):
        if isinstance(op, Conv2d):
            padded += before[0] * (before[1] + 2 * op.padding[0]) * (before[2] + 2 * op.padding[1])
            windows += before[0] * prod(op.kernel) * prod(after[1:])
    return padded, windows
