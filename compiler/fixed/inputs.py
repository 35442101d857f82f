"""How a source's values reach a fixed-point network, and what of it a profile or a network excludes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import ceil, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import CompileError, Options
from msc.compiler.fixed.dynamics import dynamics
from msc.ir.errors import Problem
from msc.ir.network import Model, Network, Projection
from msc.ir.neurons import CubaLIF, InputKind, Source
from msc.ir.simulate import InputError, input_frames, input_steps
from msc.ir.verify import LARGEST_DECAY

LARGEST_MESSAGE = 127
LARGEST_PIXEL = 2**14  # of a host's integers: finer than the twelve bits of what it computes
DRAWN_STEPS = 8
_SAMPLES = 256  # that are looked at together


class Encoding(Enum):
    """What a projection from the source carries.

    `spikes`: events, as between neurons. `graded`: values as messages of eight bits with sign. `bias`: the
    current of a still frame, computed by the host and added to the bias of each neuron.
    """

    SPIKES = "spikes"
    GRADED = "graded"
    BIAS = "bias"


@dataclass(frozen=True)
class Calibration:
    """The input to scale and to measure on: its largest magnitude, and the array where one was given."""

    full_scale: float = 1.0
    inputs: NDArray[Any] | None = None


def encoding_of(projection: Projection, network: Network, options: Options) -> Encoding:
    """Say how a projection's source reaches it: by its kind, and the option `input`."""
    neuron = network.population(projection.source).neuron
    if not isinstance(neuron, Source) or neuron.kind is InputKind.EVENTS:
        return Encoding.SPIKES
    return Encoding(options.get("input", Encoding.GRADED.value))


def calibration(network: Network, options: Options) -> Calibration:
    """Read the option `calibrate`; without it, inputs lie in [0, 1].

    Raises CompileError where the array is no input of the network.
    """
    inputs = options.get("calibrate")
    if inputs is None or isinstance(inputs, str):
        return Calibration()
    source, steps = network.source.neuron, steps_for(network)
    assert isinstance(source, Source)
    axis = 0 if source.kind is InputKind.STATIC else 1
    largest = 0.0
    try:
        input_steps(source, inputs.shape, steps)
        for part in np.array_split(inputs, -(-inputs.shape[axis] // _SAMPLES), axis):
            largest = max(largest, float(np.abs(input_frames(source, part, steps)[1]).max()))
    except InputError as error:
        wrong = (Problem(f"option calibrate, {p.where}", p.what, p.fix) for p in error.problems)
        raise CompileError(wrong) from error
    return Calibration(largest or 1.0, inputs)


def steps_for(network: Network) -> int | None:
    """The steps to show a still frame for; None where inputs bring their own number."""
    assert isinstance(network.source.neuron, Source)
    still = network.source.neuron.kind is InputKind.STATIC
    return (network.timesteps or DRAWN_STEPS) if still else None


def pixel_scale(full_scale: float) -> float:
    """The power of two that takes values of at most `full_scale` to a host's integers."""
    return LARGEST_PIXEL / 2.0 ** ceil(log2(full_scale))


def input_problems(model: Model, options: Options) -> Iterator[Problem]:
    """Find projections from the source that the options `input` and `profile` exclude."""
    network = model.network
    source = network.source.neuron
    assert isinstance(source, Source)
    if source.kind is InputKind.EVENTS:
        return
    stepped = source.kind is InputKind.ANALOG
    encodings = {encoding_of(p, network, options) for p in network.out_of(network.source.name)}
    if Encoding.GRADED in encodings and options.get("profile") == "loihi1":
        yield Problem(
            f"population {network.source.name}",
            "graded spikes need Loihi 2",
            "give the network events" if stepped else "--option input=bias",
        )
    if Encoding.BIAS not in encodings:
        return
    if stepped:
        yield Problem(
            f"population {network.source.name}",
            "brings a new frame each step, a bias is the same at every step",
            "--option input=graded",
        )
    for projection in network.out_of(network.source.name):
        where, target = f"projection {projection.name}", network.population(projection.target).neuron
        if projection.delay:
            yield Problem(
                where,
                f"delays the input by {projection.delay} steps, a bias acts from the first",
                "--option input=graded, or train it without the delay",
            )
        if isinstance(target, CubaLIF) and dynamics(target).neuron.decay_u != LARGEST_DECAY:
            yield Problem(
                where,
                f"feeds the synaptic current of {projection.target}, a bias goes past it",
                "--option input=graded",
            )
