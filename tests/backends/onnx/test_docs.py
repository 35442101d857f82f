"""The code in docs/onnx.md runs, block after block, beside the artefacts it was written for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from msc.compiler.initialise.random import random_model
from msc.search.genome import load_genome
from msc.search.lower import require_connected
from tests.backends.onnx.running import file_of

ROOT = Path(__file__).parents[3]


def test_every_block_of_python_runs(tmp_path: Path) -> None:
    network = require_connected(load_genome(ROOT / "search" / "genomes" / "demo.json")).network
    assert network is not None
    model = random_model(network, 0)
    for folder, mode in (("genome-onnx", "sequence"), ("genome-step", "step")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "network.onnx").write_bytes(file_of(model, mode=mode))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "onnx.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    namespace: dict[str, object] = {}
    exec(blocks[0], namespace)
    sequence = namespace["output"]
    assert isinstance(sequence, np.ndarray)
    assert sequence.shape == (6, 8, 100)
    exec(blocks[1], namespace)
    np.testing.assert_array_equal(namespace["output"], sequence[-1])
