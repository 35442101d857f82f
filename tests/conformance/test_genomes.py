"""Random genomes of both spaces: every simulator shows the spikes of every population alike."""

from __future__ import annotations

from typing import Any

import pytest

from msc.compiler.initialise import draw_input, dyadic_model, random_model
from msc.ir.network import Model, Network
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Dale, Recurrence
from tests.conformance.checking import INFEASIBLE, require_peers, unequal, verify
from tests.dyadic import is_alive

SMALL: dict[str, Any] = {"input_shape": (2, 8, 8), "classes": 5, "votes": 4, "channels": 4, "layers": 4}
BATCH = 4


def recurrence_of(seed: int) -> Recurrence:
    return (Recurrence.SYNAPTIC, Recurrence.LOOP)[seed // 2 % 2]


def network_of(space: str, seed: int) -> Network:
    """Lower a small random genome; inputs, T, sign rules and recurrence take turns."""
    skeleton: dict[str, Any] = {
        **SMALL,
        "timesteps": 4 + seed % 3,
        "input": ("static", "events")[seed % 2],
    }
    if space == "mse-nas":
        skeleton |= {"dale": (Dale.INHIBITORY, Dale.MOTIF, Dale.NONE)[seed % 3]}
    skeleton |= {"recurrence": recurrence_of(seed)}
    network = require_connected(new_genome(space, seed, **skeleton)).network
    assert network is not None
    return network


def refusals(seed: int) -> tuple[str, ...]:
    """What a simulator may answer: Loihi cannot run every cycle whose synapses take less than a step each."""
    return () if recurrence_of(seed) is Recurrence.SYNAPTIC else (INFEASIBLE,)


def drawn(network: Network, seed: int) -> tuple[Any, int | None]:
    """Draw an input, and the steps to show it for."""
    source = network.source.neuron
    assert isinstance(source, Source)
    steps = network.timesteps or 4
    return draw_input(source, seed, BATCH, steps), steps if source.kind is InputKind.STATIC else None


def living(space: str, seed: int) -> tuple[Model, Any, int | None]:
    """Draw genomes until the output fires and tells samples apart; a comparison of silence shows nothing."""
    for candidate in range(seed, 10_000, 1000):
        model = dyadic_model(network_of(space, candidate), candidate)
        inputs, steps = drawn(model.network, candidate)
        if is_alive(simulate(model, inputs, steps).outputs):
            return model, inputs, steps
    raise AssertionError("no genome drawn is alive")


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_dyadic_genomes_show_the_same_spikes_everywhere(space: str, seed: int, workers) -> None:
    """Zero tolerance in every population, and an output that is alive."""
    require_peers()
    model, inputs, steps = living(space, seed)
    verification = verify(model, inputs, steps, workers)
    assert not unequal(verification, *refusals(seed))
    assert 0.02 <= verification.rate <= 0.95
    assert verification.varies


@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
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
    networks = {space: [network_of(space, seed) for seed in range(50)] for space in ("mse-nas", "snasnet")}
    for found in networks.values():
        assert sum(any(p.delay for p in network.projections) for network in found) >= 10
    parts = {p.name.rpartition(".")[2] for network in networks["mse-nas"] for p in network.populations}
    assert parts >= {"A", "B", "I", "C", "A1", "A2", "B1", "B2", "I1", "I2"}
