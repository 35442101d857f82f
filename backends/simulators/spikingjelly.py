"""SpikingJelly, through its own NIR importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from msc.backends.nir.neurons import DT_S
from msc.backends.simulators.contracts import Requirements
from msc.backends.simulators.nodes import every_node, first_nonzero, padded_sum_pool, spell_out

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
        """Refuse resets away from 0, where SpikingJelly starts its membranes, and padding of sums."""
        shifted = first_nonzero(graph, "v_reset")
        if shifted is not None:
            return f"{shifted} is not 0, and SpikingJelly starts membranes at v_reset"
        pool = padded_sum_pool(graph)
        return f"{pool}: SpikingJelly ignores the padding of a SumPool2d" if pool is not None else None

    def load(self, graph: Any) -> Any:
        """Import the graph; thresholds go up by one float32, since SpikingJelly fires at V >= v_threshold."""
        from spikingjelly.activation_based import nir_exchange

        spell_out(graph)
        for _, node in every_node(graph):
            if hasattr(node, "v_threshold"):
                threshold = np.asarray(node.v_threshold, np.float32)
                node.v_threshold = np.nextafter(threshold, np.float32(np.inf))
        return nir_exchange.import_from_nir(graph, dt=DT_S)


SIMULATOR = SpikingJelly()
