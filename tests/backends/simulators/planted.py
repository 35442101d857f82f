"""A simulator that misbehaves on request: by the name of a population in the file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from msc.backends.simulators.contracts import Requirements
from msc.backends.simulators.nirtorch import NirTorch


@dataclass
class Planted:
    name: str = "planted"
    target: str = "nir"
    requirements: Requirements = NirTorch().requirements
    profile: str = "rt"

    def cannot(self, graph: Any) -> str | None:
        return "it said so beforehand" if populations(graph) & {"forewarned"} else None

    def load(self, graph: Any) -> Any:
        wishes = populations(graph)
        if "hang" in wishes:
            while True:
                pass
        if "crash" in wishes:
            print("out of cheese", file=sys.stderr, flush=True)
            os._exit(3)
        if "chatter" in wishes:
            print('{"ok": false}\n{"cannot": "be believed"}', flush=True)
            os.system("echo more of it")
        if "raise" in wishes:
            raise ValueError("a message\n  in two lines")
        return NirTorch().load(graph)


def populations(graph: Any) -> set[str]:
    return {node.metadata.get("population", "") for node in graph.nodes.values()}


SIMULATOR = Planted()
