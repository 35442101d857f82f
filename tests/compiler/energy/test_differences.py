"""Differences between stages: parts that add up exactly, each for the reason that it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.differences import NAMED, Part, changes, parts
from msc.compiler.energy.report import Change, Stage, StageReport, StaticInput
from msc.compiler.initialise import draw_input, random_model
from msc.ir.activity import Activity, Quantity
from msc.ir.network import Model, Network
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.synapses import wire
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Recurrence
from tests.compiler.energy.stages import all_stages, assert_whole, events, placed, reported
from tests.fixed_networks import FIXED, STEPS, sample
from tests.networks import EVENTS, NETWORKS, PIXELS, conv, edge, net

# Too fast a cycle for Loihi, maps that are no single kernel, an output that emits its membrane.
NOT_FOR_LOIHI = {"loop", "parallel_feedback", "analog", "sum_pool", "membrane"}


def told(found: tuple[Part, ...], start: str) -> Part:
    """The one part whose reason starts with a text."""
    (part,) = [part for part in found if part.reason.startswith(start)]
    return part


def timed(network: Network, steps: int = 5) -> Network:
    """The network, with the steps that a static frame is shown for; other inputs bring theirs."""
    source = network.source.neuron
    assert isinstance(source, Source)
    return replace(network, timesteps=steps if source.kind is InputKind.STATIC else None)


@pytest.mark.parametrize("name", FIXED)
def test_parts_between_logical_and_machine_time_add_up(name: str) -> None:
    model = FIXED[name]
    x = sample(model.network)
    steps = timed(model.network, STEPS).timesteps
    first, later = reported(model, Stage.QUANTISED, x, steps), placed(model, x, steps)
    found = parts(first, later)
    assert_whole(found, first, later)
    assert told(found, "the pipeline runs").updates > 0
    assert not any("weights" in part.reason for part in found), "retiming is exact"


@pytest.mark.parametrize("seed", range(9))
def test_parts_between_all_stages_of_genomes_add_up(seed: int) -> None:
    """Skips, cycles, reductions and norms; frames as graded spikes and as biases, and events."""
    skeleton: dict[str, Any] = {"input": ("static", "events", "static")[seed % 3], "input_shape": (2, 8, 8)}
    small: dict[str, Any] = {"classes": 4, "votes": 2, "channels": 4, "timesteps": 6}
    how: dict[str, Any] = {"layers": 3 + seed % 4, "recurrence": Recurrence.SYNAPTIC}
    network = require_connected(new_genome("mse-nas", seed, **skeleton, **small, **how)).network
    assert network is not None
    model = random_model(network, seed)
    assert isinstance(network.source.neuron, Source)
    x = draw_input(network.source.neuron, seed, 5, 6).astype(np.float32)
    stages = all_stages(model, x, {"input": ("graded", "graded", "bias")[seed % 3]})
    for first, later in combinations(stages, 2):
        assert_whole(parts(first, later), first, later)
    trained, quantised, machine = stages
    told_apart = parts(trained, machine, quantised)
    assert_whole(told_apart, trained, machine)
    assert told_apart == (*parts(trained, quantised), *parts(quantised, machine))


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - NOT_FOR_LOIHI))
def test_parts_of_fixture_networks_add_up(name: str) -> None:
    model = Model(timed(NETWORKS[name].network), NETWORKS[name].weights)
    source = model.network.source.neuron
    assert isinstance(source, Source)
    x = draw_input(source, 1, 4, 5).astype(np.float32)
    for first, later in combinations(all_stages(model, x), 2):
        assert_whole(parts(first, later), first, later)


TWO = net(
    Source((2,), InputKind.EVENTS),
    {"a": LIF(), "out": LIF()},
    edge("input", "a"),
    edge("a", "out", Linear(3)),
)


def by_hand(
    which: Stage, spikes: list[int], weights: Sequence[Sequence[float]], inputs: int = 5
) -> StageReport:
    """Two samples of two steps: what the two neurons of `a` fired in all, on weights [3, 2] to `out`."""
    model = Model(TWO, {"a>out/0/weight": np.array(weights, np.float32)})
    wiring = wire(model)
    per_neuron = {"input": np.array([inputs, 0]), "a": np.array(spikes), "out": np.zeros(3, np.int64)}
    sent = int((per_neuron["a"] * wiring.synapses["a>out"].fan_out).sum())
    counts = {("events", "input>a"): inputs, ("events", "a>out"): sent, ("spikes", "a"): sum(spikes)}
    counts |= {("spikes", "input"): inputs, ("spikes", "out"): 0}
    columns = tuple((Quantity(quantity), name) for quantity, name in counts)
    table = np.array([list(counts.values()), [0] * len(counts)])
    activity = Activity(2, columns, table, per_neuron, np.zeros((2, 3)), {})
    return report_stage(which, "by hand", model, wiring, activity, StaticInput.EVERY_STEP, ())


ALL, FEWER = [[1, 1], [1, 1], [1, 1]], [[1, 0.5], [0, 1], [1, 1]]


def test_other_spikes_and_other_synapses_by_hand() -> None:
    """3 + 1 spikes on 3 synapses each make 12 events, 1 + 1 of them on 2 + 3 make 5.

    The two spikes less had 3 events each; of those that are left, one lost one synapse.
    """
    first, later = by_hand(Stage.TRAINED, [3, 1], ALL), by_hand(Stage.QUANTISED, [1, 1], FEWER)
    assert parts(first, later) == (
        Part("8-bit weights changed the rate of a from 50.0 % to 25.0 %", -6),
        Part("8 bits round the weights of 1 of 8 synapses to 0", -1),
    )
    assert changes(first, later) == (
        Change("8-bit weights changed the rate of a from 50.0 % to 25.0 %", -3.0, 0.0),
        Change("8 bits round the weights of 1 of 8 synapses to 0", -0.5, 0.0),
    )


def test_spikes_of_other_neurons_are_told_at_the_same_rate() -> None:
    first, later = by_hand(Stage.TRAINED, [3, 1], FEWER), by_hand(Stage.QUANTISED, [1, 3], FEWER)
    assert parts(first, later) == (
        Part("8-bit weights moved spikes of a between neurons, at a rate of 50.0 %", 2),
    )


def test_nothing_differs_where_nothing_changed() -> None:
    assert changes(*(by_hand(which, [3, 1], ALL) for which in (Stage.TRAINED, Stage.QUANTISED))) == ()


def test_stages_of_other_samples_are_not_compared() -> None:
    first = by_hand(Stage.TRAINED, [3, 1], ALL)
    later = replace(first, activity=replace(first.activity, table=first.activity.table[:1]))
    with pytest.raises(AssertionError, match="stages ran different samples"):
        changes(first, later)


def test_a_longer_run_and_relays_are_told_in_machine_time() -> None:
    """b starts a step after a: what a sends `out` beside it waits in a relay of a, for one step."""
    model = FIXED["vectors"]
    x = sample(model.network)
    first, later = reported(model, Stage.QUANTISED, x), placed(model, x)
    found = parts(first, later)
    relays = told(found, "relays (1 population, 10 neurons) hold spikes back")
    assert relays.events == later.activity.per_neuron["a.relay1"].sum() > 0
    assert relays.updates == 10 * later.activity.steps * 3
    longer = told(found, f"the pipeline runs {later.activity.steps} steps, not {STEPS}: ")
    assert longer.updates == (10 + 8 + 5) * (later.activity.steps - STEPS) * 3
    assert longer.events == events(later) - events(first) - relays.events
    assert found == (longer, relays)


def test_small_values_of_the_input_that_become_0_are_told() -> None:
    """A channel of values below half of the 127th part of the largest is 0 as a graded spike."""
    network = timed(
        net(
            PIXELS,
            {"a": LIF(), "out": LIF()},
            edge("input", "a", conv(4)),
            edge("a", "out", Flatten(), Linear(2)),
        )
    )
    model = random_model(network, 3)
    x = np.random.default_rng(0).uniform(0.1, 1, (2, 2, 6, 6)).astype(np.float32)
    x[:, 1] = 0.001
    trained, quantised, machine = all_stages(model, x)
    lost = told(parts(trained, quantised), "input is rounded to 8 bits for a, where its small values are 0")
    fan_out = quantised.wiring.synapses["input>a"].fan_out
    assert lost.events == -5 * 2 * int(fan_out[1].sum())
    longer = told(parts(quantised, machine), "input is shown to a for ")
    assert (
        longer.events
        == (machine.activity.steps - 1 - 5) * quantised.activity.total(Quantity.EVENTS, "input>a") // 5
    )


def test_a_current_that_the_host_computes_is_told() -> None:
    model = Model(timed(NETWORKS["chain"].network), NETWORKS["chain"].weights)
    x = np.random.default_rng(0).random((3, 2, 6, 6)).astype(np.float32)
    trained, quantised, machine = all_stages(model, x, {"input": "bias"})
    host = "the host computes the current of input into a once, as a bias, not at every step"
    was = trained.activity.total(Quantity.EVENTS, "input>a")
    assert told(parts(trained, quantised), host).events == -was * 4 // 5
    assert not any(part.reason == host for part in parts(quantised, machine))


def test_joined_projections_are_told() -> None:
    """Three kernels and an identity from a to out become one, whose synapses are the largest one's."""
    model = Model(timed(NETWORKS["parallel"].network), NETWORKS["parallel"].weights)
    x = np.random.default_rng(0).random((3, 2, 6, 6)).astype(np.float32)
    trained, quantised, _ = all_stages(model, x)
    a, b = (
        sum(r.wiring.synapses[p.name].nonzero for p in r.wiring.network.into("out"))
        for r in (trained, quantised)
    )
    joined = told(parts(trained, quantised), "4 projections from a to out")
    assert joined.reason == f"4 projections from a to out with {a:,} synapses became 1 with {b:,} synapses"
    assert joined.events < 0


def test_what_is_not_compiled_is_told() -> None:
    """Nothing comes back from `dead`: its events and updates end with it."""
    network = net(
        EVENTS,
        {"a": LIF(), "dead": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "dead", conv(3)),
        edge("a", "out", Flatten(), Linear(2)),
    )
    model = random_model(network, 1)
    x = sample(network)
    trained, quantised, _ = all_stages(model, x)
    gone = told(parts(trained, quantised), "left out of what is compiled: dead")
    assert gone.events == -trained.activity.total(Quantity.EVENTS, "a>dead")
    assert gone.updates == -3 * 36 * STEPS * 3


def test_many_populations_are_told_by_the_largest() -> None:
    model = FIXED["deep"]
    x = sample(model.network)
    fixed = reported(model, Stage.QUANTISED, x)
    other = Model(model.network, {**model.weights, "a/threshold": model.weights["a/threshold"] + 9})
    found = parts(reported(other, Stage.TRAINED, x), fixed)
    named = [part for part in found if part.reason.startswith("8-bit weights")]
    assert len(named) == NAMED
    rest = told(found, f"spikes of {16 - NAMED} other populations changed, too")
    assert 0 < abs(rest.events) < NAMED * 16 * max(abs(part.events) for part in named)
