"""The neurons' update equations on tensors, one step at a time and in place."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import TypeAlias, assert_never

import torch
from torch import Tensor

from msc.backends.pytorch.surrogates import Surrogate
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source

State: TypeAlias = tuple[Tensor, Tensor | None]
"""A population's membrane and, for CubaLIF, its synaptic current; both [B, *shape]."""


@dataclass(frozen=True)
class Dynamics:
    """How a population runs: its equations, for how many steps, and what stands for the spike's derivative.

    `emits` is the type of its spikes. A smoothed population emits the surrogate's g(V - v_threshold)
    instead of the step, so that its gradients are true derivatives; it still resets where V >= v_threshold.
    """

    neuron: Neuron
    steps: int
    surrogate: Surrogate
    emits: torch.dtype
    smoothed: bool = False


@dataclass(frozen=True)
class Slopes:
    """The derivatives of one update: by what was there before (`kept`) and by what comes in (`gain`)."""

    kept: float
    gain: float


def rest(neuron: Neuron, like: Tensor, kind: torch.dtype) -> State:
    """Make the state before the first step: zeros, shaped and laid out in memory as `like` [B, *shape]."""
    zeros = torch.zeros_like(like, dtype=kind)
    return zeros, torch.zeros_like(zeros) if isinstance(neuron, CubaLIF) else None


def charge(neuron: Neuron, state: State, current: Tensor, scratch: Tensor, out: Tensor) -> None:
    """Write the membrane after `current` and before a reset to `out`; the synaptic current moves in place.

    LIF: V = V + (v_leak - V + r I) / tau and so on, as `msc.ir.simulate`. The operations round as in its
    order: whatever is exact there in float64 is exact here in float32, if it fits 24 bits.
    `out` may be the membrane itself; `scratch` is overwritten. All have one shape and type.
    """
    membrane, synaptic = state
    match neuron:
        case LIF() | LI():
            _leak(membrane, current, neuron.v_leak, neuron.r, neuron.tau, scratch, out)
        case IF():
            if _is_power_of_two(neuron.r):
                torch.add(membrane, current, alpha=neuron.r, out=out)
            else:
                torch.add(membrane, torch.mul(current, neuron.r, out=scratch), out=out)
        case CubaLIF():
            assert synaptic is not None
            _leak(synaptic, current, 0.0, neuron.w_in, neuron.tau_syn, scratch, synaptic)
            _leak(membrane, synaptic, neuron.v_leak, neuron.r, neuron.tau_mem, scratch, out)
        case Source() | FixedLIF():
            raise AssertionError("a source has no update, and fixed-point populations are refused before")
        case _:
            assert_never(neuron)


def membrane_slopes(neuron: Neuron) -> Slopes:
    """Differentiate the membrane's update by the membrane and by the current that drives it."""
    match neuron:
        case LIF() | LI():
            return Slopes(1 - 1 / neuron.tau, neuron.r / neuron.tau)
        case IF():
            return Slopes(1.0, neuron.r)
        case CubaLIF():
            return Slopes(1 - 1 / neuron.tau_mem, neuron.r / neuron.tau_mem)
        case Source() | FixedLIF():
            raise AssertionError("a source has no update, and fixed-point populations are refused before")
        case _:
            assert_never(neuron)


def synaptic_slopes(neuron: CubaLIF) -> Slopes:
    """Differentiate the synaptic current's update by itself and by the current that comes in."""
    return Slopes(1 - 1 / neuron.tau_syn, neuron.w_in / neuron.tau_syn)


def _leak(
    state: Tensor, drive: Tensor, leak: float, gain: float, tau: float, scratch: Tensor, out: Tensor
) -> None:
    """Write state - ((state - leak) - gain drive) / tau to `out`.

    This is state + (leak - state + gain drive) / tau, rounding for rounding. Factors that are powers of two
    round nothing, so they may share a pass over memory with a sum.
    """
    distance = torch.sub(state, leak, out=scratch) if leak else state
    if _is_power_of_two(gain):
        torch.sub(distance, drive, alpha=gain, out=scratch)
    else:
        torch.sub(distance, drive * gain, out=scratch)
    if _is_power_of_two(tau):
        torch.sub(state, scratch, alpha=1 / tau, out=out)
    else:
        torch.sub(state, scratch.div_(tau), out=out)


def _is_power_of_two(value: float) -> bool:
    return frexp(abs(value))[0] == 0.5
