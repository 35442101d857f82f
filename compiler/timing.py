"""The steps of a retimed network: when populations start, and the way between logical and machine time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Network, Population, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.simulate import input_steps

RELAY = FixedLIF(decay_u=4095, decay_v=4095)  # forgets everything: with threshold 0 it repeats its input
_RELAY_NAME = re.compile(r"(.+)\.relay([1-9][0-9]*)")


def start_of(population: Population) -> int:
    """Tell the machine step at which a population's logical step 0 runs (0 for a source)."""
    return population.neuron.start if isinstance(population.neuron, FixedLIF) else 0


def latency(network: Network) -> int:
    """Count the machine steps that a retimed network runs longer than its logical one.

    The last start of a population, relays included (they start later than any other only where logical
    delays are 2 or more).
    """
    return max(start_of(population) for population in network.populations)


def relay_name(source: str, index: int) -> str:
    """Name the relay that repeats what population `source` emitted `index` machine steps before."""
    return f"{source}.relay{index}"


def relay_of(name: str) -> str | None:
    """Name the population whose spikes a relay repeats ("A.relay2": "A"); None where `name` is no relay's."""
    relayed = _relayed(name)
    return relayed[0] if relayed else None


def is_retimed(network: Network) -> bool:
    """Whether a fixed-point network is in machine time, as the pass `retime` leaves it.

    Projections between neurons take one step, those from the source one or more; nothing arrives before
    its target starts; what is called a relay is one.
    """
    populations = {p.name: p for p in network.populations}
    return all(_fits(projection, populations) for projection in network.projections) and all(
        _is_relay(population, network) for population in network.populations if relay_of(population.name)
    )


def machine_input(
    machine: Network, inputs: NDArray[Any], timesteps: int | None = None
) -> tuple[NDArray[Any], int]:
    """Make the input of a retimed network from a logical one, and count the machine steps to run it for.

    `inputs` is [B, *shape] for a static source (unchanged: the frame stays on), else [T, B, *shape] (zeros
    are appended); `timesteps` is the logical T, by default the network's. Raises InputError.
    """
    source = machine.source.neuron
    assert isinstance(source, Source)
    extra = latency(machine)
    if source.kind is InputKind.STATIC:
        known = None if machine.timesteps is None else machine.timesteps - extra
        return inputs, input_steps(source, inputs.shape, known if timesteps is None else timesteps) + extra
    steps = input_steps(source, inputs.shape, timesteps) + extra
    silence = np.zeros((extra, *inputs.shape[1:]), inputs.dtype)
    return np.concatenate([inputs, silence]), steps


def logical(machine: Network, values: Mapping[str, NDArray[Any]], timesteps: int) -> dict[str, NDArray[Any]]:
    """Cut what populations did in machine time, [M, B, *shape] each, to their logical steps, [T, B, *shape].

    `timesteps` is the logical T. Relays are dropped.
    """
    cut: dict[str, NDArray[Any]] = {}
    for name, recorded in values.items():
        if relay_of(name) is None:
            start = start_of(machine.population(name))
            assert len(recorded) >= start + timesteps, f"{name}: the run ends before logical step {timesteps}"
            cut[name] = recorded[start : start + timesteps]
    return cut


def _fits(projection: Projection, populations: Mapping[str, Population]) -> bool:
    """Whether a projection takes its steps in machine time, and delivers nothing before its target starts."""
    source, target = populations[projection.source], populations[projection.target]
    takes_its_steps = projection.delay >= 1 if source.is_source else projection.delay == 1
    return takes_its_steps and start_of(source) + projection.delay >= start_of(target)


def _is_relay(population: Population, network: Network) -> bool:
    """Whether what is called a relay repeats, one step later, the population or relay before it."""
    source, index = _relayed(population.name) or ("", 0)
    before = source if index == 1 else relay_name(source, index - 1)
    incoming = network.into(population.name)
    if population.bias or [(p.source, p.ops) for p in incoming] != [(before, ())]:
        return False
    return population.neuron == replace(RELAY, start=start_of(network.population(before)) + 1)


def _relayed(name: str) -> tuple[str, int] | None:
    """Split a relay's name into the population it repeats and its number; None where it is no relay's."""
    matched = _RELAY_NAME.fullmatch(name)
    return (matched.group(1), int(matched.group(2))) if matched else None
