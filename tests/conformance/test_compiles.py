"""300 random genomes of both spaces compile to every target without a refusal."""

from __future__ import annotations

import pytest

from msc.compiler.driver import compile_model, find_target, target_names
from msc.compiler.initialise import random_model
from msc.ir.verify import verify
from msc.search.generate import new_genome
from msc.search.genome import Genome
from msc.search.lower import require_connected

EACH = 10


def compile_everywhere(genome: Genome, seed: int) -> None:
    """Lower, verify and compile to every target; a refusal fails the test."""
    network = require_connected(genome).network
    assert network is not None
    verify(network)
    model = random_model(network, seed)
    for name in target_names():
        assert compile_model(lambda: model, find_target(name), {}).files


@pytest.mark.parametrize("first", range(0, 200, EACH))
def test_synaptic_mse_nas_genomes_compile_to_every_target(first: int) -> None:
    for seed in range(first, first + EACH):
        genome = new_genome(
            "mse-nas", seed, input_shape=(1, 8, 8), channels=2, layers=3 + seed % 4, classes=3, votes=2
        )
        compile_everywhere(genome, seed)


@pytest.mark.parametrize("first", range(0, 100, EACH))
def test_snasnet_genomes_compile_to_every_target(first: int) -> None:
    """Backward projections are delayed even on no cycle; all-zero ones then close a cycle for NIR."""
    for seed in range(first, first + EACH):
        genome = new_genome("snasnet", seed, input_shape=(1, 8, 8), channels=2, classes=3, votes=2, hidden=8)
        compile_everywhere(genome, seed)
