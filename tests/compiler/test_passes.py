"""What holds for every pass, found by discovery: a new pass is tested the day it is added."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from msc.compiler.contracts import CompileError, Exactness, Pass, Property
from msc.compiler.passes.fold_pooling import fold_chain
from msc.compiler.passes.single_kernels import is_one_kernel
from msc.compiler.registry import discover
from msc.compiler.timing import is_retimed, latency, logical, machine_input
from msc.ir.fixed import is_fixed_point
from msc.ir.graph import digraph, live_populations, upstream
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.shapes import population_shapes
from msc.ir.simulate import simulate
from msc.ir.verify import verify_model
from tests.dyadic import STEPS, run, sample_input
from tests.fixed_rules import out_of_range
from tests.networks import NETWORKS, NORMED
from tests.strategies import models

PASSES = {name: cast(Pass, item) for name, item in discover("msc.compiler.passes", "PASS").items()}
EVERYTHING = {**NETWORKS, **NORMED}
TOO_FAST = (
    "has 2 synapses, each of which takes a machine step, but a delay of 1; "
    'give the genome "recurrence": "synaptic" (one step per synapse: another function, train again) '
    "or delay the projections of the cycle by 1 more"
)
NO_BIAS = "has a bias in its synaptic current, Loihi has one on the membrane only; train it without a bias"
REFUSALS = {
    ("single_kernels", "sum_pool"): (
        "projection a>b: SumPool2d > Conv2d is no single kernel: "
        "the zero padding between its maps makes them no single convolution; "
        "put a population between its maps, or change the padding or the sizes so that one kernel holds them"
    ),
    ("quantise", "membrane"): (
        "population out: emits its membrane (LI), fixed-point populations emit spikes; "
        "make it a LIF population and count its spikes"
    ),
    ("quantise", "batch_cuba"): f"population a: {NO_BIAS}\npopulation out: {NO_BIAS}",
    ("retime", "loop"): f"cycle a -> b -> a: {TOO_FAST}",
    ("retime", "parallel_feedback"): f"cycle a -> out -> a: {TOO_FAST}",
    ("retime", "analog"): f"cycle layer1.A -> layer1.I -> layer1.A: {TOO_FAST}",
}


def makers(step: Pass) -> list[Pass]:
    """The passes that promise what `step` requires."""
    wanted = sorted(step.requires, key=lambda item: item.name)
    return [next(p for p in PASSES.values() if each in p.promises) for each in wanted]


def established(step: Pass, model: Model) -> Model:
    """Run what `step` requires first."""
    for maker in makers(step):
        model = maker.run(established(maker, model)).model
    return model


def refusal(step: Pass, network: str) -> str | None:
    """The text with which a pass, or one that it requires, refuses a fixture; None where none does."""
    before = (refusal(maker, network) for maker in makers(step))
    return next((text for text in before if text), REFUSALS.get((step.name, network)))


def approximate(step: Pass) -> bool:
    """Whether a pass, or one that it requires, makes another function of the network."""
    return step.exactness is Exactness.APPROXIMATE or any(approximate(maker) for maker in makers(step))


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
        case Property.ONE_KERNEL:
            shapes = population_shapes(network)
            return all(is_one_kernel(p.ops, shapes[p.source]) for p in network.projections)
        case Property.FIXED_POINT:
            return is_fixed_point(network) and not list(out_of_range(model))
        case Property.RETIMED:
            source = network.source.name
            return is_retimed(network) and all(
                p.delay == 1 for p in network.projections if p.source != source
            )


def assert_same_spikes(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> None:
    for name, spikes in after.items():
        assert np.array_equal(spikes, before[name]), name


def logical_spikes(model: Model, x: np.ndarray) -> Mapping[str, np.ndarray]:
    """The spikes of each population in logical time, whatever time the model is in."""
    network = model.network
    if not is_retimed(network):
        return run(model, x).spikes
    static = cast(Source, network.source.neuron).kind is InputKind.STATIC
    known = STEPS if network.timesteps is None else network.timesteps - latency(network)
    inputs, steps = machine_input(network, x, known if static else None)
    spikes = simulate(model, inputs, steps if static else None).spikes
    return logical(network, spikes, steps - latency(network))


@pytest.mark.parametrize("network", EVERYTHING)
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_keeps_its_promises(name, network):
    """Or refuses the network, as listed, with everything that is wrong with it."""
    step = PASSES[name]
    refused = refusal(step, network)
    if refused is not None:
        with pytest.raises(CompileError) as caught:
            step.run(established(step, EVERYTHING[network]))
        assert str(caught.value) == refused
        return
    result = step.run(established(step, EVERYTHING[network]))
    verify_model(result.model)
    assert all(holds(promise, result.model) for promise in step.promises)
    if step.exactness is Exactness.ROUNDED and result.changes:
        assert all(0 <= error < 2**-22 for error in result.errors.values())
    if step.exactness is Exactness.APPROXIMATE:
        assert result.errors
        assert all(0 <= error <= 1 for error in result.errors.values())
    again = step.run(result.model)
    assert again.changes == ()
    assert again.model.network == result.model.network


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "name", [name for name, step in PASSES.items() if step.exactness is not Exactness.APPROXIMATE]
)
def test_a_pass_changes_no_spike_of_a_dyadic_network(name, network):
    """Approximate passes do, and say how many (`test_quantise`)."""
    step = PASSES[name]
    if refusal(step, network) is not None:
        return
    before = established(step, NETWORKS[network])
    x = sample_input(before.network)
    assert_same_spikes(run(before, x).spikes, logical_spikes(step.run(before).model, x))


@settings(max_examples=40, deadline=None)
@given(model=models(), seed=st.integers(0, 1000))
def test_all_passes_together_change_no_spike_of_random_networks(model, seed):
    """All that are exact, and need nothing that is not."""
    assume(live_populations(model.network))
    x = sample_input(model.network, seed)
    after = model
    for step in PASSES.values():
        if not approximate(step):
            after = step.run(established(step, after)).model
    verify_model(after)
    assert_same_spikes(run(model, x).spikes, run(after, x).spikes)
