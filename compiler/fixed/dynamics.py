"""What a float neuron becomes in fixed point, and which neurons cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msc.ir.errors import Problem
from msc.ir.network import Model, Population
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source
from msc.ir.verify import LARGEST_DECAY

_WHOLE = 4096  # of a decay: all that there is


@dataclass(frozen=True)
class Dynamics:
    """A spiking neuron in fixed point: v = (64 threshold_c / v_threshold) V for channel c.

    `gain` is what a unit of current adds to V in a step (LIF: r / tau; IF: r; CubaLIF, over its whole
    decay with the current's own memory: (r / tau_mem) (w_in / tau_syn)), `leak` what is added without any
    (v_leak / tau). `memory` bounds the current kept from earlier steps: at most this many times the
    largest of one step.
    """

    neuron: FixedLIF
    gain: float
    leak: float
    v_threshold: float

    @property
    def memory(self) -> float:
        """How many times the largest sum of one step the current can reach: 4096 / (decay_u + 1)."""
        return _WHOLE / (self.neuron.decay_u + 1)

    @property
    def leaks(self) -> bool:
        """Whether the membrane decays, which rounds it."""
        return self.neuron.decay_v > 0


def dynamics(neuron: Neuron) -> Dynamics:
    """Map a spiking neuron that resets to 0; others are `neuron_problems`."""
    match neuron:
        case LIF():
            fixed = FixedLIF(LARGEST_DECAY, _decay(neuron.tau))
            return Dynamics(fixed, neuron.r / neuron.tau, neuron.v_leak / neuron.tau, neuron.v_threshold)
        case IF():
            return Dynamics(FixedLIF(LARGEST_DECAY, 0), neuron.r, 0.0, neuron.v_threshold)
        case CubaLIF():
            fixed = FixedLIF(max(0, round(_WHOLE / neuron.tau_syn) - 1), _decay(neuron.tau_mem))
            gain = (neuron.r / neuron.tau_mem) * (neuron.w_in / neuron.tau_syn)
            return Dynamics(fixed, gain, neuron.v_leak / neuron.tau_mem, neuron.v_threshold)
        case Source() | LI() | FixedLIF():
            raise AssertionError(f"{neuron} has no fixed-point form")


def neuron_problems(model: Model) -> Iterator[Problem]:
    """Find populations whose neurons Loihi does not have."""
    for population in model.network.populations:
        neuron, where = population.neuron, f"population {population.name}"
        if isinstance(neuron, LI):
            yield Problem(
                where,
                "emits its membrane (LI), fixed-point populations emit spikes",
                "make it a LIF population and count its spikes",
            )
        elif isinstance(neuron, LIF | IF | CubaLIF):
            if neuron.v_reset != 0:
                yield Problem(where, f"resets to {neuron.v_reset:g}, Loihi to 0", "train it with v_reset 0")
            elif dynamics(neuron).gain <= 0:
                yield Problem(
                    where,
                    f"its current moves the membrane by {dynamics(neuron).gain:g} times itself",
                    "give it factors above 0, and put the sign into the weights",
                )
            if isinstance(neuron, CubaLIF) and _has_bias(population, model):
                yield Problem(
                    where,
                    "has a bias in its synaptic current, Loihi has one on the membrane only",
                    "train it without a bias",
                )


def _decay(tau: float) -> int:
    return min(LARGEST_DECAY, round(_WHOLE / tau))


def _has_bias(population: Population, model: Model) -> bool:
    return population.bias and bool(model.weights[population.bias_key].any())
