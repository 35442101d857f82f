"""The closed union of neuron kinds a population can have.

Time is counted in steps. Parameters other than time constants are stored as float32 (their values
are rounded on construction, so that what is printed is what is computed); time constants stay float64.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TypeAlias

import numpy as np


def as_float32(value: float) -> float:
    """Round to the nearest float32, returned as a Python float."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


class _Rounded:
    """Rounds every parameter that is no time constant to float32 when a neuron is built."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = float(getattr(self, field.name))
            rounded = value if field.name.startswith("tau") else as_float32(value)
            object.__setattr__(self, field.name, rounded)


class InputKind(Enum):
    """What a source emits: one analog frame repeated, analog values per step, or events in {0, 1}."""

    STATIC = "static"
    ANALOG = "analog"
    EVENTS = "events"


@dataclass(frozen=True)
class Source:
    """The network's input, of `shape` (channels first) per step.

    `static`: the same analog frame at every step, data [B, *shape]. `analog` and `events`: one frame per
    step, data [T, B, *shape]; event counts (integers >= 0) are clipped to {0, 1}.
    """

    shape: tuple[int, ...]
    kind: InputKind = InputKind.STATIC


@dataclass(frozen=True)
class LIF(_Rounded):
    """Leaky integrate-and-fire with hard reset.

    V[t] = V[t-1] + (v_leak - V[t-1] + r I[t]) / tau;  S[t] = V[t] >= v_threshold;  V[t] = v_reset where S[t].
    `tau` >= 1 is in time steps. With r = tau this is the MSE-NAS paper's V = (1 - 1/tau) V + I.
    """

    tau: float = 2.0
    r: float = 2.0
    v_threshold: float = 0.5
    v_reset: float = 0.0
    v_leak: float = 0.0


@dataclass(frozen=True)
class IF(_Rounded):
    """Integrate-and-fire with hard reset: V[t] = V[t-1] + r I[t], fires at V[t] >= v_threshold."""

    r: float = 1.0
    v_threshold: float = 1.0
    v_reset: float = 0.0


@dataclass(frozen=True)
class CubaLIF(_Rounded):
    """Current-based LIF with hard reset of the membrane; the synaptic current J is kept.

    J[t] = J[t-1] + (w_in I[t] - J[t-1]) / tau_syn
    V[t] = V[t-1] + (v_leak - V[t-1] + r J[t]) / tau_mem;  fires at V[t] >= v_threshold.
    """

    tau_syn: float = 2.0
    tau_mem: float = 2.0
    r: float = 2.0
    w_in: float = 2.0
    v_threshold: float = 1.0
    v_reset: float = 0.0
    v_leak: float = 0.0


@dataclass(frozen=True)
class LI(_Rounded):
    """Leaky integrator: the LIF membrane without a threshold; it emits V[t], no spikes."""

    tau: float = 2.0
    r: float = 2.0
    v_leak: float = 0.0


@dataclass(frozen=True)
class FixedLIF:
    """The integer LIF of Loihi, as Lava 0.10's fixed-point model computes it, bit for bit.

    u = toward_zero(u (4095 - decay_u) / 4096) + 64 a, then wrapped to 24 bits    a: sum of weights hit
    v = clip(toward_zero(v (4096 - decay_v) / 4096) + u + bias, -(2^23 - 1), 2^23 - 1)
    S = v > 64 threshold; v = 0 where S. The current u is kept.
    All values are integers; decays are 0..4095 (decay_u 4095: no memory of the current; decay_v 0: IF), the
    weights `threshold` and `bias` hold one integer per channel. Until step `start` the population is at
    rest: nothing is integrated, nothing emitted.
    Source: lava-nc 0.10.0, lava/proc/lif/models.py.
    """

    decay_u: int = 4095
    decay_v: int = 2048
    start: int = 0


Neuron: TypeAlias = Source | LIF | IF | CubaLIF | LI | FixedLIF
FloatNeuron: TypeAlias = LIF | IF | CubaLIF | LI
SpikingNeuron: TypeAlias = LIF | IF | CubaLIF


def in_floating_point(neuron: Neuron) -> FloatNeuron:
    """Return the neuron itself, for callers that never see a source or a fixed-point population."""
    assert not isinstance(neuron, Source | FixedLIF), f"{neuron} has no floating-point update"
    return neuron
