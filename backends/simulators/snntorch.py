"""snnTorch, through its own NIR importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msc.backends.simulators.contracts import Requirements

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
        """Refuse what snnTorch 1.0 loads and computes wrongly: resets, small leaks, dense loops."""
        kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
        for name, node in graph.nodes.items():
            for parameter in ("v_reset", "v_leak"):
                value = getattr(node, parameter, None)
                if value is not None and (value != 0).any():
                    return f"{name}: {parameter} is not 0, and snnTorch has only 0"
        edges = set(graph.edges)
        for source, target in graph.edges:
            if kinds[source] in _LEAKY and kinds[target] in _DENSE and (target, source) in edges:
                return f"the loop {source} <-> {target}: snnTorch rewrites such a pair into another network"
        return None

    def load(self, graph: Any) -> Any:
        """Import the graph."""
        from snntorch.import_nir import import_from_nir

        return import_from_nir(graph)


SIMULATOR = SnnTorch()
