"""What holds for every pass, found by discovery: a new pass is tested the day it is added."""

from __future__ import annotations

from itertools import combinations
from typing import cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from msc.compiler.contracts import Exactness, Pass, Property
from msc.compiler.passes.fold_pooling import fold_chain
from msc.compiler.registry import discover
from msc.ir.graph import digraph, live_populations, upstream
from msc.ir.network import Model
from msc.ir.shapes import population_shapes
from msc.ir.simulate import Trace
from msc.ir.verify import verify_model
from tests.dyadic import run, sample_input
from tests.networks import NETWORKS, NORMED
from tests.strategies import models

PASSES = {name: cast(Pass, item) for name, item in discover("msc.compiler.passes", "PASS").items()}
EVERYTHING = {**NETWORKS, **NORMED}


def established(step: Pass, model: Model) -> Model:
    """Run what `step` requires first."""
    for wanted in sorted(step.requires, key=lambda item: item.name):
        maker = next(p for p in PASSES.values() if wanted in p.promises)
        model = maker.run(established(maker, model)).model
    return model


def holds(promise: Property, model: Model) -> bool:
    """Check a promised property on the model itself."""
    network = model.network
    match promise:
        case Property.LIVE:
            return upstream(digraph(network), network.output) == {p.name for p in network.populations}
        case Property.NORMS_FOLDED:
            return all(p.norm is None for p in network.projections)
        case Property.POOLS_FOLDED:
            shapes = population_shapes(network)
            chains = {
                p.source: tuple((op, model.weights.get(p.weight_key(i))) for i, op in enumerate(p.ops))
                for p in network.projections
            }
            return all(fold_chain(chain, shapes[source]) is chain for source, chain in chains.items())
        case Property.PARALLEL_MERGED:
            plain = [p for p in network.projections if not p.ops]
            return all(
                (a.source, a.target, a.delay) != (b.source, b.target, b.delay)
                for a, b in combinations(plain, 2)
            )


def assert_same_spikes(before: Trace, after: Trace) -> None:
    for name, spikes in after.spikes.items():
        assert np.array_equal(spikes, before.spikes[name]), name


@pytest.mark.parametrize("network", EVERYTHING)
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_keeps_its_promises(name, network):
    step = PASSES[name]
    result = step.run(established(step, EVERYTHING[network]))
    verify_model(result.model)
    assert all(holds(promise, result.model) for promise in step.promises)
    if step.exactness is Exactness.ROUNDED and result.changes:
        assert all(0 <= error < 2**-22 for error in result.errors.values())
    again = step.run(result.model)
    assert again.changes == ()
    assert again.model.network == result.model.network


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_changes_no_spike_of_a_dyadic_network(name, network):
    step = PASSES[name]
    before = established(step, NETWORKS[network])
    x = sample_input(before.network)
    assert_same_spikes(run(before, x), run(step.run(before).model, x))


@settings(max_examples=40, deadline=None)
@given(model=models(), seed=st.integers(0, 1000))
def test_all_passes_together_change_no_spike_of_random_networks(model, seed):
    assume(live_populations(model.network))
    x = sample_input(model.network, seed)
    after = model
    for step in PASSES.values():
        after = step.run(established(step, after)).model
    verify_model(after)
    assert_same_spikes(run(model, x), run(after, x))
