"""Neurons as NIR nodes: units, thresholds, and the factor that moves from the neuron into its weights."""

from __future__ import annotations

from math import inf, nextafter
from typing import assert_never

import numpy as np

from msc.backends.nir.nodes import Fields, Node
from msc.ir.network import Population
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source, as_float32
from msc.ir.ops import Shape

DT_S = 1e-4  # seconds per time step; snntorch has this value built in
PROFILES = ("rt", "r1")  # r = tau / dt (weights as trained), r = 1 (weights carry the resistance)


def seconds(tau: float) -> float:
    """Convert a time constant from steps to seconds, such that dividing by dt gives the steps back.

    Exactly where a float64 does (for all small integers and halves), else to one unit in the last place.
    Of several that give the same steps, the one next to steps * dt: what is read back is written the same.
    """
    near = _around(tau * DT_S)
    steps = min((candidate / DT_S for candidate in near), key=lambda found: (abs(found - tau), found))
    same = [candidate for candidate in _around(steps * DT_S) if candidate / DT_S == steps]
    return min(same, key=lambda candidate: (abs(candidate - steps * DT_S), candidate))


def _around(value: float) -> tuple[float, ...]:
    up, down = nextafter(value, inf), nextafter(value, -inf)
    return (nextafter(down, -inf), down, value, up, nextafter(up, inf))


def strict_threshold(threshold: float) -> np.float32:
    """Lower a threshold by one float32 step: NIR fires at V > threshold, msc at V >= threshold."""
    return np.nextafter(np.float32(threshold), np.float32(-inf))


def current_factor(neuron: Neuron, profile: str) -> float:
    """Compute what every weight and bias into the neuron is multiplied by.

    LIF, LI: r / tau (rt) or r (r1).  IF: r.  CubaLIF: r w_in / (tau_mem tau_syn), the current J rescaled.
    """
    match neuron:
        case LIF() | LI():
            return _ratio(neuron.r, neuron.tau) if profile == "rt" else neuron.r
        case IF():
            return neuron.r
        case CubaLIF():
            return _ratio(neuron.r, neuron.tau_mem) * _ratio(neuron.w_in, neuron.tau_syn)
        case Source():
            return 1.0
        case FixedLIF():
            raise AssertionError("refused before")
        case _:
            assert_never(neuron)


def _ratio(resistance: float, tau: float) -> float:
    """Divide by a time constant; 1 where the resistance is that constant as the file can hold it."""
    return 1.0 if resistance == as_float32(tau) else resistance / tau


def neuron_node(population: Population, shape: Shape, profile: str) -> Node:
    """Make the NIR node of a population: every parameter an array of the full shape."""
    values = _parameters(population.neuron, profile)

    def fields() -> Fields:
        return {
            name: np.full(shape, value, np.float64 if name.startswith("tau") else np.float32)
            for name, value in values.items()
        }

    return Node(type(population.neuron).__name__, fields, {"population": population.name})


def _parameters(neuron: Neuron, profile: str) -> dict[str, float | np.float32]:
    """Name NIR's parameters of a neuron, time constants in seconds."""
    match neuron:
        case LIF():
            return {**_leaky(neuron, profile), **_firing(neuron)}
        case LI():
            return _leaky(neuron, profile)
        case IF():
            return {"r": 1 / DT_S, **_firing(neuron)}
        case CubaLIF():
            return {
                "tau_syn": seconds(neuron.tau_syn),
                "tau_mem": seconds(neuron.tau_mem),
                "r": neuron.tau_mem,
                "v_leak": neuron.v_leak,
                "w_in": neuron.tau_syn,
                **_firing(neuron),
            }
        case Source():
            raise AssertionError("a source is NIR's Input")
        case FixedLIF():
            raise AssertionError("refused before")
        case _:
            assert_never(neuron)


def _leaky(neuron: LIF | LI, profile: str) -> dict[str, float | np.float32]:
    return {
        "tau": seconds(neuron.tau),
        "r": neuron.tau if profile == "rt" else 1.0,
        "v_leak": neuron.v_leak,
    }


def _firing(neuron: LIF | IF | CubaLIF) -> dict[str, float | np.float32]:
    return {"v_threshold": strict_threshold(neuron.v_threshold), "v_reset": neuron.v_reset}
