"""The simulator loihi: pipelined in machine time, and yet the one-step network, spike for spike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msc.backends.simulators.contracts import CannotRunError
from msc.backends.simulators.loihi import SIMULATOR
from msc.compiler.passes.retime import PASS as RETIME
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import simulate
from tests.fixed_networks import FIXED, STEPS, sample
from tests.networks import NETWORKS


def steps_of(model: Model) -> int | None:
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return STEPS if source.kind is InputKind.STATIC else None


@pytest.mark.parametrize("name", FIXED)
def test_it_shows_every_population_of_the_one_step_network(name: str) -> None:
    model = FIXED[name]
    x, steps = sample(model.network, 5), steps_of(model)
    expected = simulate(model, x, steps).spikes
    found = SIMULATOR.run(model, x, steps)
    assert found.keys() == expected.keys()
    for population, spikes in expected.items():
        np.testing.assert_array_equal(found[population], spikes, population)


def test_it_runs_a_network_that_is_in_machine_time_already() -> None:
    """What a bundle holds; the steps asked for are logical ones."""
    model = FIXED["delays"]
    x = sample(model.network)
    found = SIMULATOR.run(RETIME.run(model).model, x, None)
    expected = simulate(model, x).spikes
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], spikes) for name, spikes in expected.items())


def test_static_frames_are_shown_for_the_steps_of_the_network() -> None:
    model = FIXED["chain"]
    assert SIMULATOR.run(model, sample(model.network), None)["out"].shape[0] == STEPS


def test_cycles_that_are_too_fast_are_refused_by_name() -> None:
    model = FIXED["everything"]
    hasty = tuple(replace(p, delay=0) if p.name == "i>e" else p for p in model.network.projections)
    fast = Model(model.network.with_projections(hasty), model.weights)
    with pytest.raises(CannotRunError, match=r"cycle i -> e -> i: has 2 synapses, .* but a delay of 1"):
        SIMULATOR.run(fast, sample(model.network), None)


def test_floating_point_is_refused() -> None:
    with pytest.raises(CannotRunError, match=r"^network: is not in fixed point; lower it for the target"):
        SIMULATOR.run(NETWORKS["chain"], sample(NETWORKS["chain"].network), 3)
