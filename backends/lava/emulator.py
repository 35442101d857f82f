"""The integer emulator of Loihi networks: `msc.ir.simulate` on fixed-point models, fast and in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

__all__ = ["CannotEmulateError", "Emulation", "emulate"]


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
    neuron = network.source.neuron
    assert isinstance(neuron, Source)
    static = neuron.kind is InputKind.STATIC
    shown = network.timesteps if timesteps is None and static else timesteps
    if inputs.dtype.kind in "fiub":  # else `input_frames` says so
        input_steps(neuron, inputs.shape, shown)
    samples = inputs.shape[0 if static else 1]
    shapes = population_shapes(network)
    chunk = max(1, CHUNK_BYTES // _bytes_per_sample(network, shapes, 1 if static else len(inputs)))
    found = Emulation(network.output, {}, {})
    run: _Run | None = None
    for begin in range(0, samples, chunk):
        end = min(begin + chunk, samples)
        here = inputs[begin:end] if static else inputs[:, begin:end]
        steps, frames = input_frames(neuron, here, shown)
        if run is None or run.batch != end - begin:
            run = _Run(model, end - begin)
        for name in kept if begin == 0 else ():
            found.spikes[name] = np.zeros((steps, samples, *shapes[name]), np.uint8)
            if voltages:
                found.voltages[name] = np.zeros((samples, *shapes[name]), np.int32)
        for t, spikes in enumerate(run.steps(frames, steps, static)):
            for name in kept:
                found.spikes[name][t, begin:end] = np.moveaxis(spikes[name], -1, 0)
        for name, values in found.voltages.items():
            values[begin:end] = np.moveaxis(run.integrators[name].membrane, -1, 0)
    return found


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
        self, frames: NDArray[np.float64], steps: int, static: bool
    ) -> Iterator[dict[str, NDArray[np.bool_]]]:
        """Run from rest; yields every population's spikes, [*shape, B], good until the next step."""
        constant = self._constants(frames) if static else {}
        active = {name: [False] * len(ring) for name, ring in self.past.items()}
        for integrator in self.integrators.values():
            integrator.rest()
        for t in range(steps):
            emitted: dict[str, NDArray[np.bool_]] = {}
            for name in self.order:
                slot = t % len(self.past[name])
                spikes = emitted[name] = self.past[name][slot]
                if t < self.integrators[name].start:
                    spikes.fill(False)
                else:
                    delivered = self._delivered(name, t, frames, constant, active)
                    self.integrators[name].advance(delivered, spikes)
                active[name][slot] = bool(spikes.any())
            yield emitted

    def _constants(self, frames: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Compute once what a static frame delivers at every step."""
        values = np.moveaxis(frames, 0, -1)
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
        frames: NDArray[np.float64],
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
                yield self.kernels[projection.name](np.moveaxis(frames[emitted_at], 0, -1))
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


def _bytes_per_sample(network: Network, shapes: dict[str, Shape], frames: int) -> int:
    """Bound the bytes that one sample takes, all in float64: frames, states, spikes, windows."""
    total = 12 * frames * prod(shapes[network.source.name])
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
