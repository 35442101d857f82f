"""NIR's neurons as a torch module, after the equations in NIR's own documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from msc.backends.nir.neurons import DT_S


class Cell(nn.Module):
    """One step of forward Euler: v += (v_leak - v + r i) dt / tau; spike, reset at v > v_threshold.

    A node without tau (IF) has v += r i dt. With tau_syn, i is a current of its own:
    i += (w_in x - i) dt / tau_syn. Without a threshold (LI) v itself is the output.
    """

    r: Tensor
    v_leak: Tensor
    v_threshold: Tensor
    v_reset: Tensor
    w_in: Tensor
    gain: Tensor
    tau: Tensor
    tau_mem: Tensor
    tau_syn: Tensor

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.kind = type(node).__name__
        if self.kind == "IF":  # r dt in float64, rounded once
            self.register_buffer("gain", torch.from_numpy(np.asarray(node.r, np.float64) * DT_S))
        for name in ("r", "v_leak", "v_threshold", "v_reset", "w_in"):
            if hasattr(node, name):
                self.register_buffer(name, torch.from_numpy(np.array(getattr(node, name))))
        for name in ("tau", "tau_mem", "tau_syn"):
            if hasattr(node, name):  # in steps, rounded to float32 only after the division
                self.register_buffer(name, torch.from_numpy(np.asarray(getattr(node, name)) / DT_S))

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Advance by one step; the state is (v, i)."""
        v, current = state if state is not None else (torch.zeros_like(x), torch.zeros_like(x))
        match self.kind:
            case "IF":
                v = v + self.gain * x
            case "CubaLIF":
                current = current + (self.w_in * x - current) / self.tau_syn
                v = v + (self.v_leak - v + self.r * current) / self.tau_mem
            case _:
                v = v + (self.v_leak - v + self.r * x) / self.tau
        if self.kind == "LI":
            return v, (v, current)
        fired = v > self.v_threshold
        return fired.to(x.dtype), (torch.where(fired, self.v_reset, v), current)
