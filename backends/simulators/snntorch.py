"""snnTorch, through its own NIR importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from msc.backends.simulators.contracts import Requirements
from msc.backends.simulators.nodes import every_node, first_nonzero, padded_sum_pool, spell_out

_DENSE = ("Affine", "Linear")
_LEAKY = ("LIF", "CubaLIF")

_REQUIREMENTS = Requirements(
    ("nir", "nirtorch", "snntorch", "torch"),
    'python -m pip install "snntorch>=1.0,<1.1" "nirtorch>=2.6,<2.7"',
)


@dataclass
class SnnTorch:
    """Runs NIR files with `snntorch.import_nir`."""

    name: str = "snntorch"
    target: str = "nir"
    requirements: Requirements = _REQUIREMENTS
    profile: str = "rt"

    def cannot(self, graph: Any) -> str | None:
        """Refuse what snnTorch 1.0 loads and computes wrongly.

        Resets, small leaks, IF, resistances below 0, padding of sums, dense loops.
        """
        kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
        shifted = first_nonzero(graph, "v_reset", "v_leak")
        if shifted is not None:
            return f"{shifted} is not 0, and snnTorch has only 0"
        for name, node in every_node(graph):
            if type(node).__name__ == "IF":
                return f"{name}: snnTorch makes a leaky neuron of an IF"
            if type(node).__name__ in _LEAKY and (
                np.min(node.r) <= 0 or np.min(getattr(node, "w_in", 1)) <= 0
            ):
                return f"{name}: r or w_in is not above 0, and snnTorch puts them into the threshold"
        pool = padded_sum_pool(graph)
        if pool is not None:
            return f"{pool}: snnTorch ignores the padding of a SumPool2d"
        edges = set(graph.edges)
        for source, target in graph.edges:
            if kinds[source] in _LEAKY and kinds[target] in _DENSE and (target, source) in edges:
                return f"the loop {source} <-> {target}: snnTorch rewrites such a pair into another network"
        return None

    def load(self, graph: Any) -> Any:
        """Import the graph."""
        from snntorch.import_nir import import_from_nir

        spell_out(graph)
        return import_from_nir(graph)


SIMULATOR = SnnTorch()
