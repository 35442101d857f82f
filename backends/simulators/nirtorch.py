"""NIRTorch's interpreter with nodes of our own."""

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
        """Import the graph with nodes of ours.

        NIRTorch's own Affine drops the bias, its convolutions refuse groups, its SumPool2d drops padding.
        """
        import nir
        import nirtorch

        from msc.backends.nir import modules
        from msc.backends.nir.cell import Cell

        mapping: Any = dict.fromkeys((nir.LIF, nir.IF, nir.CubaLIF, nir.LI), Cell)
        mapping |= dict.fromkeys((nir.Affine, nir.Linear), modules.Dense)
        mapping |= dict.fromkeys((nir.Conv1d, nir.Conv2d), modules.Convolution)
        mapping |= dict.fromkeys((nir.SumPool2d, nir.AvgPool2d), modules.Pool)
        mapping |= {nir.Scale: modules.Scaling, nir.Flatten: modules.Flattening}
        return nirtorch.nir_to_torch(graph, mapping)


SIMULATOR = NirTorch()
