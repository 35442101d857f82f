"""300 random genomes of both spaces compile to every target; Lava may refuse fast cycles, and only those."""

from __future__ import annotations

from typing import Any

import pytest

from msc.compiler.contracts import CompileError
from msc.compiler.driver import compile_model, find_target, target_names
from msc.compiler.initialise import random_model
from msc.ir.network import Model
from msc.ir.verify import verify
from msc.search.generate import new_genome
from msc.search.genome import Genome
from msc.search.lower import require_connected
from msc.search.skeleton import Recurrence

EACH = 10


def compile_everywhere(genome: Genome, seed: int) -> None:
    """Lower, verify and compile to every target; a refusal fails the test."""
    network = require_connected(genome).network
    assert network is not None
    verify(network)
    model = random_model(network, seed)
    for name in target_names():
        refusal = refused(model, name)
        if name == "lava" and genome.skeleton.recurrence is Recurrence.LOOP:
            assert refusal is None or all(p.where.startswith("cycle ") for p in refusal.problems)
        else:
            assert refusal is None, str(refusal)


def refused(model: Model, target: str) -> CompileError | None:
    """Compile; returns the refusal, if that is what comes of it."""
    try:
        assert compile_model(lambda: model, find_target(target), {}).files
    except CompileError as refusal:
        return refusal
    return None


@pytest.mark.parametrize("first", range(0, 200, EACH))
def test_synaptic_mse_nas_genomes_compile_to_every_target(first: int) -> None:
    for seed in range(first, first + EACH):
        genome = new_genome(
            "mse-nas", seed, input_shape=(1, 8, 8), channels=2, layers=3 + seed % 4, classes=3, votes=2
        )
        compile_everywhere(genome, seed)


@pytest.mark.parametrize("first", range(0, 100, EACH))
def test_snasnet_genomes_compile_to_every_target(first: int) -> None:
    """Backward projections are delayed even on no cycle; all-zero ones then close a cycle for NIR.

    Cells as published (`loop`) and, for the sake of Lava, with `synaptic` cycles, take turns.
    """
    small: dict[str, Any] = {"input_shape": (1, 8, 8), "channels": 2, "classes": 3, "votes": 2, "hidden": 8}
    for seed in range(first, first + EACH):
        recurrence = (Recurrence.LOOP, Recurrence.SYNAPTIC)[seed % 2]
        compile_everywhere(new_genome("snasnet", seed, recurrence=recurrence, **small), seed)
