"""The code in docs/pytorch.md runs, block after block, beside the artefact it was written for."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from msc.backends.pytorch.target import TARGET
from msc.compiler.driver import lower
from msc.compiler.initialise.random import random_model
from msc.search.genome import load_genome
from msc.search.lower import require_connected
from tests.backends.pytorch.modules import written

ROOT = Path(__file__).parents[3]


def test_every_block_of_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = require_connected(load_genome(ROOT / "search" / "genomes" / "demo.json")).network
    assert network is not None
    written(lower(random_model(network, 0), TARGET, {}), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "pytorch.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        for block in blocks:
            exec(block, namespace)
    finally:
        sys.modules.pop("network", None)
    assert namespace["output"].shape == (8, 100)  # type: ignore[attr-defined]
    assert namespace["loss"].isfinite()  # type: ignore[attr-defined]
