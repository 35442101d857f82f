"""What commands can be given, made once: artefacts of every target, and NIR files that others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.requires import require

TARGETS = ("lava", "nir", "onnx", "pytorch")
FLOATING = ("nir", "onnx", "pytorch")
DT = 1e-4


def own_files(target: str) -> tuple[str, ...]:
    """The files that a target always makes."""
    from msc.compiler.driver import find_target

    return find_target(target).files


def foreign_nir(path: Path, loop: bool = False, dt: float = DT) -> Path:
    """Write a NIR file as others do: names of their own, nothing that msc would know it by.

    Two dense layers of LIF neurons with dyadic weights, tau two steps of `dt`, for five inputs; `loop` adds
    a recurrent layer, which makes a cycle that reading has to cut.
    """
    nir = require("nir")
    rng = np.random.default_rng(0)

    def dense(outputs: int, inputs: int) -> Any:
        return nir.Affine(
            weight=rng.integers(-8, 12, (outputs, inputs)).astype(np.float32) / 16,
            bias=np.zeros(outputs, np.float32),
        )

    def neurons(size: int) -> Any:
        full = np.ones(size, np.float32)
        return nir.LIF(tau=2 * dt * full, r=2 * full, v_leak=0 * full, v_threshold=0.5 * full)

    nodes = {
        "input": nir.Input({"input": np.array([5])}),
        "fc1": dense(8, 5),
        "lif1": neurons(8),
        "fc2": dense(3, 8),
        "lif2": neurons(3),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    if loop:
        nodes["rec"] = nir.Linear(weight=rng.integers(-4, 4, (8, 8)).astype(np.float32) / 16)
        edges += [("lif1", "rec"), ("rec", "lif1")]
    nir.write(path, nir.NIRGraph(nodes, edges))
    return path
