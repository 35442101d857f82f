"""One time step of each neuron kind, in float64: the equations of the reference simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from msc.ir.linear import Floats
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, FloatNeuron
from msc.ir.ops import Shape

LARGEST_STATE = 2**23 - 1  # of a signed 24-bit register
WEIGHT_UNIT = 64  # of the membrane, for one unit of weight


@dataclass
class State:
    """A population's state, [B, *shape]: membrane after the reset, synaptic current (CubaLIF, FixedLIF)."""

    membrane: Floats
    synaptic: Floats

    @classmethod
    def at_rest(cls, shape: Shape) -> State:
        """Make the state before t = 0: all zero."""
        return cls(np.zeros(shape), np.zeros(shape))


def step(neuron: FloatNeuron, state: State, current: Floats) -> tuple[Floats, Floats]:
    """Advance `state` by one step of input `current`; returns what is emitted and V before the reset.

    LIF    V = V + (v_leak - V + r I) / tau            IF  V = V + r I
    CubaLIF J = J + (w_in I - J) / tau_syn; V = V + (v_leak - V + r J) / tau_mem
    S = V >= v_threshold; V = v_reset where S. LI: the LIF membrane, emitted, without a threshold.
    Source: design, section 3.
    """
    match neuron:
        case LIF() | LI():
            v = state.membrane + (neuron.v_leak - state.membrane + neuron.r * current) / neuron.tau
        case IF():
            v = state.membrane + neuron.r * current
        case CubaLIF():
            state.synaptic = state.synaptic + (neuron.w_in * current - state.synaptic) / neuron.tau_syn
            v = state.membrane + (neuron.v_leak - state.membrane + neuron.r * state.synaptic) / neuron.tau_mem
        case _:
            assert_never(neuron)
    if isinstance(neuron, LI):
        state.membrane = v
        return v, v
    spikes = (v >= neuron.v_threshold).astype(np.float64)
    state.membrane = np.where(spikes > 0, neuron.v_reset, v)
    return spikes, v


def fixed_step(
    neuron: FixedLIF, state: State, weighted: Floats, bias: Floats, threshold: Floats
) -> tuple[Floats, Floats]:
    """Advance a fixed-point population by one step; returns its spikes and v before the reset.

    `weighted` is the sum of the weights of the synapses that were hit, `bias` goes to the membrane, both
    integers; so is all state. The equations are `FixedLIF`'s; float64 holds every value exactly.
    """
    kept = _toward_zero(state.synaptic, 4095 - neuron.decay_u) + WEIGHT_UNIT * weighted
    wrapped = np.where(kept > LARGEST_STATE + 1, kept - 2**24, kept)
    state.synaptic = np.where(kept <= -LARGEST_STATE - 1, kept + 2**24, wrapped)
    v = _toward_zero(state.membrane, 4096 - neuron.decay_v) + state.synaptic + bias
    v = np.clip(v, -LARGEST_STATE, LARGEST_STATE)
    spikes = (v > WEIGHT_UNIT * threshold).astype(np.float64)
    state.membrane = np.where(spikes > 0, 0.0, v)
    return spikes, v


def _toward_zero(value: Floats, factor: int) -> Floats:
    """Compute value * factor / 4096, rounded toward zero."""
    return np.trunc(value * factor / 4096)
