"""Random networks of every op and neuron kind: the same spikes everywhere, or a refusal that says why."""

from __future__ import annotations

import pytest

from msc.ir.neurons import IF
from tests.conformance.checking import INFEASIBLE, require_peers, unequal, verify
from tests.conformance.random_networks import STEPS, draw, random_model

NOT_ON_LOIHI = (INFEASIBLE, "has a bias in its synaptic current, Loihi has one on the membrane only")
ONE_STEP = range(40)
LATE = range(100, 110)


@pytest.mark.parametrize("seed", ONE_STEP)
def test_all_simulators_agree_to_the_spike(seed: int, workers) -> None:
    """Delays of one step, on cycles and on none: expressible, all of them."""
    require_peers()
    model = random_model(seed)
    verification = verify(model, draw(model, seed), STEPS, workers)
    assert verification.alive
    refusals = (
        ["snnTorch makes a leaky neuron of an IF"]
        if any(isinstance(p.neuron, IF) for p in model.network.populations)
        else []
    )
    assert not unequal(verification, *refusals, *NOT_ON_LOIHI)


@pytest.mark.parametrize("seed", LATE)
def test_longer_delays_run_here_and_are_refused_by_name_elsewhere(seed: int, workers) -> None:
    require_peers()
    model = random_model(seed, delays=(2, 3))
    late = [p for p in model.network.projections if p.delay]
    verification = verify(model, draw(model, seed), STEPS, workers)
    refusals = [f"projection {p.name}: delay {p.delay}" for p in late] or [
        "snnTorch makes a leaky neuron of an IF"
    ]
    assert not unequal(verification, *refusals, *NOT_ON_LOIHI)
