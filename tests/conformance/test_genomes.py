"""Random genomes of both spaces: every simulator shows the spikes of every population alike."""

from __future__ import annotations

import pytest

from msc.compiler.initialise import random_model
from msc.search.skeleton import Recurrence
from tests.conformance.checking import INFEASIBLE, require_peers, unequal, verify
from tests.conformance.genomes import SPACES, drawn, living, network_of, recurrence_of


def refusals(seed: int) -> tuple[str, ...]:
    """What a simulator may answer: Loihi cannot run every cycle whose synapses take less than a step each."""
    return () if recurrence_of(seed) is Recurrence.SYNAPTIC else (INFEASIBLE,)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("space", SPACES)
def test_dyadic_genomes_show_the_same_spikes_everywhere(space: str, seed: int, workers) -> None:
    """Zero tolerance in every population, and an output that is alive."""
    require_peers()
    model, inputs, steps = living(space, seed)
    verification = verify(model, inputs, steps, workers)
    assert not unequal(verification, *refusals(seed))
    assert 0.02 <= verification.rate <= 0.95
    assert verification.varies


@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("space", SPACES)
def test_random_genomes_differ_by_rounding_at_most(space: str, seed: int, workers) -> None:
    """Weights, norms and time constants that round: every first difference is a close call."""
    require_peers()
    model = random_model(network_of(space, seed), seed)
    inputs, steps = drawn(model.network, seed)
    verification = verify(model, inputs, steps, workers)
    assert verification.ok, [str(result) for result in verification.results]
    assert not [result for result in unequal(verification, *refusals(seed)) if result.reason]


def test_the_sample_holds_every_motif_and_feedback() -> None:
    """Delayed projections in both spaces, and populations of every motif."""
    networks = {space: [network_of(space, seed) for seed in range(50)] for space in SPACES}
    for found in networks.values():
        assert sum(any(p.delay for p in network.projections) for network in found) >= 10
    parts = {p.name.rpartition(".")[2] for network in networks["mse-nas"] for p in network.populations}
    assert parts >= {"A", "B", "I", "C", "A1", "A2", "B1", "B2", "I1", "I2"}
