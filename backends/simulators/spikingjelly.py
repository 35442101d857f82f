"""SpikingJelly, through its own NIR importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msc.backends.nir.neurons import DT_S
from msc.backends.simulators.contracts import Requirements

_REQUIREMENTS = Requirements(
    ("nir", "nirtorch", "spikingjelly", "torch"),
    'python -m pip install "spikingjelly>=2.0,<2.1" "nirtorch>=2.6,<2.7"',
)


@dataclass
class SpikingJelly:
    """Runs NIR files with `spikingjelly.activation_based.nir_exchange`."""

    name: str = "spikingjelly"
    target: str = "nir"
    requirements: Requirements = _REQUIREMENTS
    profile: str = "rt"

    def cannot(self, graph: Any) -> str | None:
        """Refuse resets away from 0: SpikingJelly starts its membranes at the reset value."""
        for name, node in graph.nodes.items():
            if getattr(node, "v_reset", None) is not None and (node.v_reset != 0).any():
                return f"{name}: v_reset is not 0, and SpikingJelly starts membranes at v_reset"
        return None

    def load(self, graph: Any) -> Any:
        """Import the graph."""
        from spikingjelly.activation_based import nir_exchange

        return nir_exchange.import_from_nir(graph, dt=DT_S)


SIMULATOR = SpikingJelly()
