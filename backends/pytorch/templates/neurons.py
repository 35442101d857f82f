"""The parts of a generated network.py: each class is copied into it as it stands, where it is needed."""

# ruff: noqa: D102
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Spike(torch.autograd.Function):
    """S = V >= v_threshold; backwards the arctangent surrogate 1 / (1 + (pi (V - v_threshold))^2)."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, v_threshold: float) -> Tensor:
        ctx.save_for_backward(v)
        ctx.v_threshold = v_threshold
        return (v >= v_threshold).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (v,) = ctx.saved_tensors
        return gradients[0] / (1 + (torch.pi * (v - ctx.v_threshold)).square()), None


class Neuron(nn.Module):
    """A population: parameters, and one bias per channel, shaped to broadcast (None: no bias)."""

    r: float
    v_threshold: float
    v_reset: float
    v_leak: float

    def __init__(self, bias: tuple[int, ...] | None, **parameters: float) -> None:
        super().__init__()
        self.bias = None if bias is None else nn.Parameter(torch.zeros(bias))
        for name, value in parameters.items():
            setattr(self, name, value)

    def current(self, synapses: Tensor) -> Tensor:
        return synapses if self.bias is None else self.bias + synapses

    def fire(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane after the hard reset."""
        return Spike.apply(v, self.v_threshold), torch.where(v >= self.v_threshold, self.v_reset, v)


class LIF(Neuron):
    """V = V + (v_leak - V + r I) / tau;  S = V >= v_threshold;  V = v_reset where S."""

    tau: float

    def forward(self, synapses: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return self.fire(v + (self.v_leak - v + self.r * self.current(synapses)) / self.tau)


class IF(Neuron):
    """V = V + r I;  S = V >= v_threshold;  V = v_reset where S."""

    def forward(self, synapses: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return self.fire(v + self.r * self.current(synapses))


class CubaLIF(Neuron):
    """J = J + (w_in I - J) / tau_syn;  V = V + (v_leak - V + r J) / tau_mem;  S and reset as LIF."""

    tau_syn: float
    tau_mem: float
    w_in: float

    def forward(self, synapses: Tensor, v: Tensor, j: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        j = j + (self.w_in * self.current(synapses) - j) / self.tau_syn
        return *self.fire(v + (self.v_leak - v + self.r * j) / self.tau_mem), j


class LI(Neuron):
    """V = V + (v_leak - V + r I) / tau, emitted as it is."""

    tau: float

    def forward(self, synapses: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v + (self.v_leak - v + self.r * self.current(synapses)) / self.tau
        return v, v


class Scale(nn.Module):
    """y = factor x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor
