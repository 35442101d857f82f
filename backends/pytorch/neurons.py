"""The neurons' update equations on tensors, differentiable through a surrogate."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

import torch
from torch import Tensor

from msc.backends.pytorch.surrogates import Surrogate
from msc.ir.neurons import IF, LI, LIF, CubaLIF, Neuron, Source

State: TypeAlias = tuple[Tensor, Tensor | None]
"""A population's membrane and, for CubaLIF, its synaptic current; both [B, *shape]."""


class Spike(torch.autograd.Function):
    """S = V >= v_threshold forwards; the surrogate's g'(V - v_threshold) backwards."""

    @staticmethod
    def forward(ctx: Any, membrane: Tensor, threshold: float, surrogate: Surrogate) -> Tensor:
        """Fire where the membrane reaches the threshold."""
        ctx.save_for_backward(membrane)
        ctx.threshold, ctx.surrogate = threshold, surrogate
        return (membrane >= threshold).to(membrane.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Pass the gradient through the surrogate."""
        (membrane,) = ctx.saved_tensors
        return gradients[0] * ctx.surrogate.derivative(membrane - ctx.threshold), None, None


def rest(neuron: Neuron, like: Tensor) -> State:
    """Make the state before the first step: zeros of the shape of `like` [B, *shape]."""
    return torch.zeros_like(like), torch.zeros_like(like) if isinstance(neuron, CubaLIF) else None


def advance(neuron: Neuron, state: State, current: Tensor, surrogate: Surrogate) -> tuple[Tensor, State]:
    """Advance one population by a step; returns what it emits and its new state.

    LIF: V = V + (v_leak - V + r I) / tau and so on, as `msc.ir.simulate`. The operations keep its order:
    whatever is exact there in float64 is exact here in float32, if it fits 24 bits.
    No gradient flows through the choice of which neurons are reset.
    """
    membrane, synaptic = state
    match neuron:
        case LIF():
            membrane = membrane + (neuron.v_leak - membrane + neuron.r * current) / neuron.tau
        case IF():
            membrane = membrane + neuron.r * current
        case CubaLIF():
            assert synaptic is not None
            synaptic = synaptic + (neuron.w_in * current - synaptic) / neuron.tau_syn
            membrane = membrane + (neuron.v_leak - membrane + neuron.r * synaptic) / neuron.tau_mem
        case LI():
            membrane = membrane + (neuron.v_leak - membrane + neuron.r * current) / neuron.tau
            return membrane, (membrane, None)
        case Source():
            raise AssertionError("a source has no update")
        case _:
            assert_never(neuron)
    spikes = Spike.apply(membrane, neuron.v_threshold, surrogate)
    assert isinstance(spikes, Tensor)
    fired = spikes.detach()
    kept = membrane * (1 - fired)
    return spikes, (kept + neuron.v_reset * fired if neuron.v_reset else kept, synaptic)


def advance_all(neuron: Neuron, currents: Tensor, steps: int, surrogate: Surrogate) -> Tensor:
    """Run a population over all steps; `currents` [T, B, *shape], or [1, B, *shape] for a constant one."""
    state = rest(neuron, currents[0])
    emitted: list[Tensor] = []
    for current in currents.expand(steps, *currents.shape[1:]):
        values, state = advance(neuron, state, current, surrogate)
        emitted.append(values)
    return torch.stack(emitted)
