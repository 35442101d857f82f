"""Norse's neurons, wired by NIRTorch's interpreter (norse's own importer loses re-converging branches)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from msc.backends.nir.neurons import DT_S
from msc.backends.simulators.contracts import Requirements

_REQUIREMENTS = Requirements(
    ("nir", "nirtorch", "norse", "torch"),
    'python -m pip install "norse>=1.1,<1.2" "nirtorch>=2.6,<2.7"',
)


@dataclass
class Norse:
    """Runs NIR files with norse's mapping of nodes; it ignores a LIF's r, so it reads the profile r = 1."""

    name: str = "norse"
    target: str = "nir"
    requirements: Requirements = _REQUIREMENTS
    profile: str = "r1"

    def cannot(self, graph: Any) -> str | None:
        """Refuse resets and leaks away from 0: norse ignores the one and starts membranes at the other."""
        for name, node in graph.nodes.items():
            for parameter in ("v_reset", "v_leak"):
                value = getattr(node, parameter, None)
                if value is not None and (value != 0).any():
                    return f"{name}: {parameter} is not 0, which norse does not import faithfully"
        return None

    def load(self, graph: Any) -> Any:
        """Import the graph node by node with norse's mapping."""
        import nir
        import nirtorch
        from norse.torch.utils.import_nir import _import_norse_module

        kinds = (nir.LIF, nir.IF, nir.CubaLIF, nir.Affine, nir.Conv2d, nir.Linear, nir.Flatten, nir.SumPool2d)
        convert = partial(_import_norse_module, dt=DT_S, ignore_warnings=True)
        mapping: Any = dict.fromkeys(kinds, convert)
        return nirtorch.nir_to_torch(graph, mapping)


SIMULATOR = Norse()
