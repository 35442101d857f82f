"""One time step of each neuron kind, in float64: the equations of the reference simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from msc.ir.linear import Floats
from msc.ir.neurons import IF, LI, LIF, CubaLIF, Neuron, Source
from msc.ir.ops import Shape


@dataclass
class State:
    """A population's state, [B, *shape]: membrane after the reset, and synaptic current (CubaLIF)."""

    membrane: Floats
    synaptic: Floats

    @classmethod
    def at_rest(cls, shape: Shape) -> State:
        """Make the state before t = 0: all zero."""
        return cls(np.zeros(shape), np.zeros(shape))


def step(neuron: Neuron, state: State, current: Floats) -> tuple[Floats, Floats]:
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
        case Source():
            raise AssertionError("a source has no update")
        case _:
            assert_never(neuron)
    if isinstance(neuron, LI):
        state.membrane = v
        return v, v
    spikes = (v >= neuron.v_threshold).astype(np.float64)
    state.membrane = np.where(spikes > 0, neuron.v_reset, v)
    return spikes, v
