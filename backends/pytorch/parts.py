"""The classes that a generated module is built of, as they stand in the template."""

from __future__ import annotations

import ast
from importlib.resources import files

from msc.ir.network import Network


def template() -> dict[str, str]:
    """Read the template's classes, name -> source, in their order."""
    text = files("msc.backends.pytorch").joinpath("templates", "neurons.py").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            segment = ast.get_source_segment(text, node)
            assert segment is not None
            found[node.name] = segment
    return found


def parts(network: Network) -> list[str]:
    """List the sources of the classes that a network uses."""
    used = {type(p.neuron).__name__ for p in network.populations} | {"Spike", "Neuron"}
    used |= {type(op).__name__ for p in network.projections for op in p.ops} & {"Scale"}
    return [text for name, text in template().items() if name in used]
