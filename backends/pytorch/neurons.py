"""The neurons' update equations on tensors, one step at a time and in place."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import TypeAlias, assert_never

import torch
from torch import Tensor

from msc.backends.pytorch.surrogates import Surrogate
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source
from msc.ir.step import LARGEST_STATE, WEIGHT_UNIT

State: TypeAlias = tuple[Tensor, Tensor | None]
"""A population's membrane and, for CubaLIF, its synaptic current; both [B, *shape]."""


@dataclass(frozen=True)
class FixedForm:
    """The fixed-point population that runs in a float one's place: `FixedLIF`'s equations, to the last bit.

    Per channel, shaped [C, 1, 1] or [C]: `threshold` and `bias` in units of the integer membrane, `unit` of
    which is one of them in the float membrane. Its currents are sums of integer weights.
    """

    neuron: FixedLIF
    threshold: Tensor
    bias: Tensor
    unit: Tensor

    def charge(self, state: State, current: Tensor) -> None:
        """Move the state by `current`, to before the reset."""
        membrane, synaptic = state
        _decay(membrane, 4096 - self.neuron.decay_v)
        if synaptic is None:
            membrane.add_(current, alpha=WEIGHT_UNIT)
        else:
            _decay(synaptic, 4095 - self.neuron.decay_u)
            membrane.add_(synaptic.add_(current, alpha=WEIGHT_UNIT))
        membrane.add_(self.bias).clamp_(-LARGEST_STATE, LARGEST_STATE)

    def floating(self, membrane: Tensor, v_threshold: float, out: Tensor) -> None:
        """Write the float membrane that stands for an integer one: >= v_threshold where that one fires.

        The integers beside the threshold lie half a unit on either side of v_threshold.
        """
        torch.sub(membrane, self.threshold + 0.5, out=out).mul_(self.unit).add_(v_threshold)


def _decay(state: Tensor, factor: int) -> None:
    """Multiply integers by factor / 4096 in place, rounding toward zero."""
    if _is_power_of_two(factor):
        state.mul_(factor / 4096).trunc_()
    else:  # the product needs more bits than float32 has
        state.copy_(state.double().mul_(factor / 4096).trunc_())


@dataclass(frozen=True)
class Dynamics:
    """How a population runs: its equations, for how many steps, and what stands for the spike's derivative.

    `emits` is the type of its spikes. A smoothed population emits the surrogate's g(V - v_threshold)
    instead of the step, so that its gradients are true derivatives; it still resets where V >= v_threshold.
    With a `fixed` form it spikes as that does, and its gradients are those of `neuron` on the membrane that
    stands for the integer one.
    """

    neuron: Neuron
    steps: int
    surrogate: Surrogate
    emits: torch.dtype
    smoothed: bool = False
    fixed: FixedForm | None = None


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
    `out` may be the membrane itself, or `scratch`, which is overwritten. All have one shape and type.
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
