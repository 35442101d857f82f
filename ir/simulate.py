"""The numpy float64 reference simulator: the definition of what a network means (design, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.graph import update_order
from msc.ir.linear import Floats, apply_projection, per_channel
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import LI, FixedLIF, InputKind, Source, in_floating_point
from msc.ir.ops import Shape
from msc.ir.shapes import population_shapes
from msc.ir.step import State, fixed_step, step


class InputError(MscError):
    """The input data do not fit the network's source."""


@dataclass(frozen=True)
class Trace:
    """What a simulation recorded, by population name.

    `spikes`: uint8 [T, B, *shape] (LI: its float64 membrane). `membranes`: float64 [T, B, *shape], the
    value compared with the threshold, before the reset (after it: v_reset where the spike is).
    """

    output: str
    spikes: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    membranes: dict[str, Floats] = field(default_factory=dict[str, Floats])

    @property
    def outputs(self) -> NDArray[Any]:
        """The output population's spikes (LI: membrane), [T, B, *shape]."""
        return self.spikes[self.output]


def input_steps(source: Source, shape: tuple[int, ...], timesteps: int | None) -> int:
    """Check the shape of an input, [B, *shape] for a static source, else [T, B, *shape]; returns T.

    A static frame is shown for `timesteps`, other inputs bring their own T, which `timesteps` must not
    contradict. Raises InputError.
    """
    static = source.kind is InputKind.STATIC
    expected = ("B" if static else "T,B") + "".join(f",{n}" for n in source.shape)
    leading = 1 if static else 2
    if len(shape) != leading + len(source.shape) or shape[leading:] != source.shape:
        raise InputError.of(
            "input",
            f"shape {list(shape)} does not fit the {source.kind.value} source",
            f"give an array of shape [{expected}]",
        )
    if not all(shape):
        raise InputError.of("input", "holds no samples or steps", f"give at least one, shape [{expected}]")
    if static:
        if timesteps is None or timesteps < 1:
            raise InputError.of("input", "a static frame needs a number of time steps", "give timesteps >= 1")
        return timesteps
    if timesteps is not None and timesteps != shape[0]:
        raise InputError.of("input", f"has {shape[0]} steps, not {timesteps}", f"give {timesteps} steps")
    return shape[0]


def input_frames(source: Source, inputs: NDArray[Any], timesteps: int | None) -> tuple[int, Floats]:
    """Check the input; returns T and the frames, [B, *shape] if the source is static, else [T, B, *shape].

    Raises InputError where type, shape, values or T do not fit. Event counts are clipped to {0, 1}.
    """
    if inputs.dtype.kind not in "fiub":
        raise InputError.of("input", f"dtype {inputs.dtype} is not numeric", "save it as float32 or uint8")
    steps = input_steps(source, inputs.shape, timesteps)
    with np.errstate(over="ignore"):
        frames = inputs.astype(np.float32).astype(np.float64)
    if not np.isfinite(frames).all():
        raise InputError.of("input", "holds values that are not finite", "remove NaN and infinity")
    if source.kind is not InputKind.EVENTS:
        return steps, frames
    if ((frames < 0) | (frames % 1 != 0)).any():
        raise InputError.of("input", "holds values that are no event counts", "give integers >= 0")
    return steps, np.minimum(frames, 1)


def populations_to_record(network: Network, record: Collection[str] | None) -> list[str]:
    """List, sorted, the populations named to be recorded (None: all) and the output.

    Raises InputError for names that are no populations of neurons.
    """
    neurons = [p.name for p in network.populations if not p.is_source]
    kept = {*(neurons if record is None else record), network.output}
    raise_all(
        InputError,
        [
            Problem(f"record {name}", "is no population of neurons", f"use one of {', '.join(neurons)}")
            for name in sorted(kept - set(neurons))
        ],
    )
    return sorted(kept)


def simulate(
    model: Model,
    inputs: NDArray[Any],
    timesteps: int | None = None,
    record: Collection[str] | None = None,
    membranes: bool = False,
) -> Trace:
    """Run the network and record spikes, and membranes on request.

    `inputs` is [B, *shape] for a static source, else [T, B, *shape]. `record` names the populations to
    keep (None: all; the output is always kept). `timesteps` defaults to the network's for a static source.
    Per step, in the order of undelayed projections:
    I_p[t] = bias_p + sum of norm(ops(S_source[t - delay])), S[t < 0] = 0, then the neuron's equation (the
    bias of FixedLIF is added to its membrane instead).
    Raises InputError for inputs that do not fit. Source: design, section 3.
    """
    network = model.network
    kept = populations_to_record(network, record)
    collected: dict[str, list[NDArray[Any]]] = {name: [] for name in kept}
    potentials: dict[str, list[Floats]] = {name: [] for name in kept} if membranes else {}
    for emitted, potential in _steps(model, inputs, timesteps):
        for name, values in collected.items():
            spiking = not isinstance(network.population(name).neuron, LI)
            values.append(emitted[name].astype(np.uint8) if spiking else emitted[name])
        for name, values in potentials.items():
            values.append(potential[name])
    return Trace(
        network.output,
        {name: np.stack(values) for name, values in collected.items()},
        {name: np.stack(values) for name, values in potentials.items()},
    )


def _steps(
    model: Model, inputs: NDArray[Any], timesteps: int | None
) -> Iterator[tuple[dict[str, Floats], dict[str, Floats]]]:
    """Yield, per time step, every population's emitted values and its membrane before the reset."""
    network = model.network
    source = network.source
    assert isinstance(source.neuron, Source)
    static = source.neuron.kind is InputKind.STATIC
    shown = network.timesteps if timesteps is None and static else timesteps
    steps, frames = input_frames(source.neuron, inputs, shown)
    batch = frames.shape[0 if static else 1]
    shapes = population_shapes(network)
    order = [network.population(name) for name in update_order(network) if name != source.name]
    incoming = {p.name: network.into(p.name) for p in order}
    states = {p.name: State.at_rest((batch, *shapes[p.name])) for p in order}
    past = {p.name: _silence((batch, *shapes[p.name]), network.out_of(p.name)) for p in network.populations}
    constant: dict[str, Floats] = {}
    for t in range(steps):
        emitted = {source.name: frames if static else frames[t]}
        potential: dict[str, Floats] = {}
        for population in order:
            current = _constant_current(population, model, (batch, *shapes[population.name]))
            for projection in incoming[population.name]:
                repeats = static and projection.source == source.name
                current += _delivered(projection, model, emitted, past, constant, repeats)
            emitted[population.name], potential[population.name] = _advance(
                population, model, states[population.name], current, t
            )
        for name, values in emitted.items():
            if past[name]:
                past[name].insert(0, values)
                past[name].pop()
        yield emitted, potential


def _advance(
    population: Population, model: Model, state: State, current: Floats, t: int
) -> tuple[Floats, Floats]:
    """Advance one population by its current; a fixed-point one takes its bias past the current."""
    neuron = population.neuron
    if not isinstance(neuron, FixedLIF):
        return step(in_floating_point(neuron), state, current)
    if t < neuron.start:
        return np.zeros_like(current), np.zeros_like(current)
    rank = current.ndim - 1
    bias = _parameter(model, population.bias_key, rank) if population.bias else np.zeros(1)
    return fixed_step(neuron, state, current, bias, _parameter(model, population.threshold_key, rank))


def _constant_current(population: Population, model: Model, shape: Shape) -> Floats:
    """Make the current before any projection delivers: the bias, except where it goes to the membrane."""
    current = np.zeros(shape)
    if population.bias and not isinstance(population.neuron, FixedLIF):
        current += _parameter(model, population.bias_key, len(shape) - 1)
    return current


def _parameter(model: Model, key: str, rank: int) -> Floats:
    return per_channel(model.weights[key].astype(np.float64), rank)


def _delivered(
    projection: Projection,
    model: Model,
    emitted: dict[str, Floats],
    past: dict[str, list[Floats]],
    constant: dict[str, Floats],
    repeats: bool,
) -> Floats:
    """Compute one projection's current; a repeating (static, undelayed) one is computed once."""
    if projection.delay:
        return apply_projection(projection, model.weights, past[projection.source][projection.delay - 1])
    if not repeats:
        return apply_projection(projection, model.weights, emitted[projection.source])
    if projection.name not in constant:
        constant[projection.name] = apply_projection(projection, model.weights, emitted[projection.source])
    return constant[projection.name]


def _silence(shape: Shape, outgoing: tuple[Projection, ...]) -> list[Floats]:
    """Make the history before t = 0: zeros for as many steps as the longest delay reads back."""
    return [np.zeros(shape)] * max((p.delay for p in outgoing), default=0)
