"""NIRTorch's interpreter with neurons of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msc.backends.simulators.contracts import Requirements

_REQUIREMENTS = Requirements(("nir", "nirtorch", "torch"), 'python -m pip install "nirtorch>=2.6,<2.7"')


@dataclass
class NirTorch:
    """Runs NIR files with `nirtorch.nir_to_torch`; spikes where v > v_threshold, as NIR says."""

    name: str = "nirtorch"
    target: str = "nir"
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

        from msc.backends.nir.cell import Cell

        def dense(node: Any) -> Any:
            bias = getattr(node, "bias", None)
            out_features, in_features = node.weight.shape
            layer = torch.nn.Linear(in_features, out_features, bias=bias is not None)
            layer.weight.data = torch.from_numpy(node.weight)
            if bias is not None:
                layer.bias.data = torch.from_numpy(bias)
            return layer

        mapping: Any = {nir.Affine: dense, nir.Linear: dense}
        mapping |= dict.fromkeys((nir.LIF, nir.IF, nir.CubaLIF, nir.LI), Cell)
        return nirtorch.nir_to_torch(graph, mapping)


SIMULATOR = NirTorch()
