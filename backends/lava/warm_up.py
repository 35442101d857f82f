"""Keeps the populations of a retimed network silent on Lava, where nothing starts late, until they start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import CompileError
from msc.compiler.fixed.head_room import WRAP
from msc.ir.errors import Problem, raise_all
from msc.ir.network import Model, Population
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Quantise, Scale
from msc.ir.step import LARGEST_STATE, WEIGHT_UNIT, State, fixed_step

Floats: TypeAlias = NDArray[np.float64]

HOLD_WEIGHT = -255  # the largest inhibition of one 8-bit synapse
_LARGEST_SUM = WRAP - 1  # of synaptic input, in units of weight: the 24-bit current does not wrap


@dataclass(frozen=True)
class WarmUp:
    """What a population that starts at machine step r needs on Lava before it is reset there.

    `initial_voltage` is its membrane before machine step 0. `hold` is the number of synapses of weight
    `HOLD_WEIGHT` per neuron that the host drives so that a spike arrives through each at machine steps
    1..r-1: it sends them one step earlier, a connection takes a step, and so none arrives at step 0.
    """

    initial_voltage: int = 0
    hold: int = 0


def warm_up(machine: Model) -> Mapping[str, WarmUp]:
    """Choose, for every population but the source, the least that keeps it silent until it starts.

    Before its start a population gets no input but its bias (retiming sees to that), which may fire it:
    first nothing is tried, then the lowest membrane there is, then holds. Raises CompileError with
    everything that `warm_up_problems` finds.
    """
    found = {p.name: _least(p, machine) for p in machine.network.populations if not p.is_source}
    raise_all(CompileError, _problems(machine, found))
    return {name: warm for name, warm in found.items() if warm is not None}


def warm_up_problems(machine: Model) -> tuple[Problem, ...]:
    """List the populations of a retimed network that fire before their start, whatever holds them."""
    found = {p.name: _least(p, machine) for p in machine.network.populations if not p.is_source}
    return tuple(_problems(machine, found))


def _problems(machine: Model, found: Mapping[str, WarmUp | None]) -> Iterator[Problem]:
    for name, warm in found.items():
        if warm is not None:
            continue
        population = machine.network.population(name)
        neuron = _neuron(population)
        strongest = WarmUp(-LARGEST_STATE, _most_synapses(neuron))
        channels = np.flatnonzero(_fires(population, machine, strongest))
        named = ", ".join(str(channel) for channel in channels[:8]) + (", .." if len(channels) > 8 else "")
        yield Problem(
            f"population {name}",
            f"the bias of channels {named} fires them before machine step {neuron.start}, where they start; "
            f"Lava cannot hold them with a decay_v of {neuron.decay_v} and a decay_u of {neuron.decay_u}",
            "lower the bias or give the neurons a longer time constant",
        )


def _least(population: Population, machine: Model) -> WarmUp | None:
    """Find the first warm-up that keeps every channel silent; None where no hold is strong enough."""
    most = _most_synapses(_neuron(population))
    if not _fires(population, machine, WarmUp()).any():
        return WarmUp()
    if _fires(population, machine, WarmUp(-LARGEST_STATE, most)).any():
        return None
    fewest = 0
    while fewest < most:  # more inhibition never raises the membrane: bisect
        middle = (fewest + most) // 2
        if _fires(population, machine, WarmUp(-LARGEST_STATE, middle)).any():
            fewest = middle + 1
        else:
            most = middle
    return WarmUp(-LARGEST_STATE, fewest)


def _most_synapses(neuron: FixedLIF) -> int:
    """Count the synapses that may hold a neuron: in its current they must add up to less than 2^17."""
    arrivals = max(neuron.start - 1, 0)
    remembered = min(arrivals, 4096 / (neuron.decay_u + 1))
    return int(_LARGEST_SUM / (-HOLD_WEIGHT * remembered)) if arrivals else 0


def _fires(population: Population, machine: Model, warm: WarmUp) -> NDArray[np.bool_]:
    """Tell, per channel, whether it fires before the start; exact, by the equations of `FixedLIF`."""
    neuron = _neuron(population)
    threshold = machine.weights[population.threshold_key].astype(np.float64)
    bias = _largest_bias(population, machine)
    state = State(np.full(len(threshold), float(warm.initial_voltage)), np.zeros(len(threshold)))
    running = replace(neuron, start=0)
    fired = np.zeros(len(threshold), np.bool_)
    for step in range(neuron.start):
        arriving = HOLD_WEIGHT * warm.hold if step else 0
        spikes, _ = fixed_step(running, state, np.full(len(threshold), float(arriving)), bias, threshold)
        fired |= spikes > 0
    return fired


def _largest_bias(population: Population, machine: Model) -> Floats:
    """Compute the most that can be added to each channel's membrane at every step, in its units.

    A current that the host evaluates and gives as a bias depends on the input: its quantiser bounds it.
    """
    channels = len(machine.weights[population.threshold_key])
    bias = np.zeros(channels)
    if population.bias:
        bias += machine.weights[population.bias_key].astype(np.float64)
    for projection in machine.network.into(population.name):
        match projection.ops:
            case (*_, Quantise(limit=limit), Scale(factor=factor)):
                bias += limit * abs(factor) * WEIGHT_UNIT
            case _:
                pass
    return bias


def _neuron(population: Population) -> FixedLIF:
    assert isinstance(population.neuron, FixedLIF), f"{population.name} is not in fixed point"
    return population.neuron
