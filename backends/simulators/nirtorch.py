"""NIRTorch's interpreter with neurons written here, after the equations in NIR's own documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msc.backends.nir.neurons import DT_S
from msc.backends.simulators.contracts import Requirements

_REQUIREMENTS = Requirements(("nir", "nirtorch", "torch"), 'python -m pip install "nirtorch>=2.6,<2.7"')


@dataclass
class NirTorch:
    """Runs NIR files with `nirtorch.nir_to_torch`; spikes where v > v_threshold, as NIR says."""

    name: str = "nirtorch"
    requirements: Requirements = _REQUIREMENTS
    profile: str = "rt"

    def cannot(self, graph: Any) -> str | None:
        """Find nothing: what it cannot load it refuses itself."""
        return None

    def load(self, graph: Any) -> Any:
        """Import the graph with our neurons and dense layers (NIRTorch's own Affine drops the bias)."""
        import nir
        import nirtorch
        import torch

        cell = _cell_class()

        def dense(node: Any) -> Any:
            bias = getattr(node, "bias", None)
            out_features, in_features = node.weight.shape
            layer = torch.nn.Linear(in_features, out_features, bias=bias is not None)
            layer.weight.data = torch.from_numpy(node.weight)
            if bias is not None:
                layer.bias.data = torch.from_numpy(bias)
            return layer

        mapping: Any = {nir.Affine: dense, nir.Linear: dense}
        mapping |= dict.fromkeys((nir.LIF, nir.IF, nir.CubaLIF, nir.LI), cell)
        return nirtorch.nir_to_torch(graph, mapping)


def _cell_class() -> Any:
    """Make the neuron module; inside a function so that importing this file does not import torch."""
    import torch
    from torch import Tensor, nn

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
                self.register_buffer("gain", torch.from_numpy(node.r.astype("float64") * DT_S))
            for name in ("r", "v_leak", "v_threshold", "v_reset", "w_in"):
                if hasattr(node, name):
                    self.register_buffer(name, torch.from_numpy(getattr(node, name)))
            for name in ("tau", "tau_mem", "tau_syn"):
                if hasattr(node, name):  # in steps, rounded to float32 only after the division
                    self.register_buffer(name, torch.from_numpy(getattr(node, name) / DT_S))

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

    return Cell


SIMULATOR = NirTorch()
