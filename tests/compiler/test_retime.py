"""Retiming: machine time gives every spike of logical time, with the least latency and the fewest relays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod
from typing import Any, cast

import networkx as nx
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from msc.compiler.contracts import CompileError, Options, Property, Target
from msc.compiler.driver import plan
from msc.compiler.initialise import draw_input, random_model
from msc.compiler.offsets import choose_offsets
from msc.compiler.passes.retime import PASS
from msc.compiler.timing import is_retimed, latency, logical, machine_input, relay_of, start_of
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.shapes import population_shapes
from msc.ir.simulate import simulate
from msc.ir.verify import MAX_DELAY, verify, verify_model
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Recurrence
from tests.fixed_networks import CURRENT, FIXED, KEEPING, LEAKY, SLOW, STRUCTURES, fixed, graded, sample
from tests.networks import EVENTS, conv, edge, net


def assert_same_in_machine_time(model: Model, x: np.ndarray, timesteps: int | None = None) -> Model:
    """Retime, run both, and compare every spike of every population."""
    machine = PASS.run(model).model
    verify_model(machine)
    shown, steps = machine_input(machine.network, x, timesteps)
    expected = simulate(model, x, timesteps).spikes
    found = logical(machine.network, simulate(machine, shown, steps).spikes, steps - latency(machine.network))
    assert found.keys() == expected.keys()
    for name, spikes in expected.items():
        assert np.array_equal(found[name], spikes), name
    return machine


@st.composite
def graphs(draw: st.DrawFn, largest: int = 6) -> Network:
    """Draw a network on 3x3 maps: skips, parallel and self projections, feedback; delays of 0 to 4."""
    kind = draw(st.sampled_from(InputKind))
    names = [f"p{i}" for i in range(draw(st.integers(1, largest)))]
    neurons = [draw(st.sampled_from([LEAKY, SLOW, KEEPING, CURRENT])) for _ in names]
    order = ["input", *names]
    ends = [(draw(st.sampled_from(order[: i + 1])), name) for i, name in enumerate(names)]
    ends += draw(st.lists(st.tuples(st.sampled_from(order), st.sampled_from(names)), max_size=6))
    projections: list[Projection] = []
    for source, target in ends:
        forward = order.index(source) < order.index(target)
        delay = draw(st.sampled_from([0, 0, 0, 1, 2, 4] if forward else [1, 1, 2, 3, 4]))
        op = conv(2, draw(st.sampled_from([1, 3])))
        analog = source == "input" and kind is not InputKind.EVENTS
        number = 1 + sum((p.source, p.target) == (source, target) for p in projections)
        ops = graded(op) if analog else (op,)
        projections.append(edge(source, target, *ops, delay=delay, number=number))
    network = net(
        Source((2, 3, 3), kind),
        dict(zip(names, neurons, strict=True)),
        *projections,
        output=names[-1],
        timesteps=6,
    )
    verify(network)
    return network


def too_fast(network: Network) -> bool:
    """Whether a cycle has more synapses than steps of delay, by looking at every cycle."""
    fastest: dict[tuple[str, str], int] = {}
    for p in network.projections:
        fastest[p.source, p.target] = min(p.delay, fastest.get((p.source, p.target), p.delay))
    cycles = nx.simple_cycles(nx.DiGraph(fastest.keys()))
    return any(sum(fastest[ends] for ends in pairwise([*c, c[0]])) < len(c) for c in cycles)


@pytest.mark.parametrize("name", FIXED)
def test_fixtures_have_every_spike_in_machine_time(name):
    model = FIXED[name]
    assert_same_in_machine_time(model, sample(model.network))


@settings(max_examples=150, deadline=None)
@given(network=graphs(), seed=st.integers(0, 999))
def test_random_networks_have_every_spike_in_machine_time_or_are_too_fast(network, seed):
    model = fixed(network, seed)
    if too_fast(network):
        event("too fast")
        with pytest.raises(CompileError, match="each of which takes a machine step"):
            PASS.run(model)
        return
    source = network.source.neuron
    assert isinstance(source, Source)
    static = source.kind is InputKind.STATIC
    machine = assert_same_in_machine_time(model, draw_input(source, seed, 2, 6), 6 if static else None)
    event("with relays" if any(relay_of(p.name) for p in machine.network.populations) else "without relays")
    again = PASS.run(machine)
    assert again.model is machine
    assert again.changes == ()


@dataclass(frozen=True)
class FixedPoint:
    """What stands for a target that wants fixed-point networks in logical time."""

    requires: frozenset[Property] = frozenset({Property.PARALLEL_MERGED, Property.FIXED_POINT})


def quantised(network: Network, seed: int, options: Options) -> Model:
    """Give a network random weights and run all passes up to fixed point."""
    model = random_model(network, seed)
    for step in plan(cast(Target, FixedPoint())):
        model = step.run(model, options).model
    return model


@pytest.mark.parametrize("seed", range(12))
def test_random_genomes_have_every_spike_in_machine_time(seed):
    """All motifs, skips, reductions and cycles; frames as graded spikes and as biases, and events."""
    skeleton: dict[str, Any] = {
        "input": ("static", "events", "static")[seed % 3],
        "recurrence": Recurrence.SYNAPTIC,
    }
    small: dict[str, Any] = {
        "input_shape": (2, 8, 8),
        "classes": 4,
        "votes": 2,
        "channels": 4,
        "timesteps": 6,
    }
    genome = new_genome("mse-nas", seed, layers=3 + seed % 4, **small, **skeleton)
    network = require_connected(genome).network
    assert network is not None
    model = quantised(network, seed, {"input": ("graded", "graded", "bias")[seed % 3]})
    source = network.source.neuron
    assert isinstance(source, Source)
    x = draw_input(source, seed, 2, 6)
    machine = assert_same_in_machine_time(model, x)
    assert latency(machine.network) > 2
    assert simulate(model, x).outputs.any()


def test_no_genome_of_one_step_per_synapse_is_too_fast():
    for seed in range(30):
        for space in ("mse-nas", "snasnet"):
            genome = new_genome(space, seed, channels=2, recurrence=Recurrence.SYNAPTIC)
            network = require_connected(genome).network
            assert network is not None
            assert choose_offsets(network, dict.fromkeys((p.name for p in network.populations), 1))


def cost(
    network: Network, starts: dict[str, int], neurons: dict[str, int]
) -> tuple[int, int, tuple[int, ...]] | None:
    """Latency, neurons in relays and starts of a choice; None where it is not feasible."""
    last = dict(starts)
    for p in network.projections:
        if p.source == "input":
            if starts[p.target] + p.delay < 1:
                return None
        elif starts[p.source] >= starts[p.target] + p.delay:
            return None
        else:
            last[p.source] = max(last[p.source], starts[p.target] + p.delay - 1)
    relays = sum(neurons[name] * (last[name] - start) for name, start in starts.items())
    return max(last.values()), relays, tuple(starts.values())


@settings(max_examples=80, deadline=None)
@given(network=graphs(largest=4), data=st.data())
def test_offsets_are_the_best_of_all(network, data):
    """Least latency, then fewest neurons in relays, then earliest starts: by trying all choices."""
    names = [p.name for p in network.populations if not p.is_source]
    neurons = {name: data.draw(st.sampled_from([1, 2, 5, 9]), name) for name in names}
    chosen = choose_offsets(network, neurons)
    assert (chosen is None) == too_fast(network)
    if chosen is None:
        return
    assert set(chosen) == set(names)
    starts = {name: chosen[name] for name in names}
    found = cost(network, starts, neurons)
    assert found is not None
    choices = product(range(found[0] + 1), repeat=len(names))
    costs = [cost(network, dict(zip(names, choice, strict=True)), neurons) for choice in choices]
    best = min(c[:2] for c in costs if c is not None)
    assert found[:2] == best
    equals = [c[2] for c in costs if c is not None and c[:2] == best]
    assert found[2] == tuple(min(column) for column in zip(*equals, strict=True))


def test_starting_late_saves_relays():
    """A small population behind a large one waits for it: one relay of 5 neurons, not of 36."""
    network = net(
        EVENTS,
        {"a": LEAKY, "b": LEAKY, "c": LEAKY, "small": LEAKY, "out": LEAKY},
        edge("input", "a", conv(2)),
        edge("a", "b", conv(2)),
        edge("b", "c", conv(2)),
        edge("input", "small", Flatten(), Linear(72)),
        edge("c", "out", Flatten(), Linear(5)),
        edge("small", "out", Linear(5)),
    )
    starts = choose_offsets(network, {p.name: 1 for p in network.populations})
    assert starts == {"a": 1, "b": 2, "c": 3, "small": 3, "out": 4}


def test_relays_are_one_chain_that_all_projections_share():
    """`a` reaches c and out; every projection keeps its name and weights, and starts from the chain."""
    network = net(
        EVENTS,
        {"a": LEAKY, "b": SLOW, "c": LEAKY, "out": LEAKY},
        edge("input", "a", conv(3)),
        edge("input", "c", conv(3), delay=1),
        edge("a", "b", conv(3)),
        edge("b", "c", conv(3)),
        edge("a", "c", conv(3)),
        edge("c", "out", conv(3)),
        edge("a", "out", conv(3)),
        edge("a", "a", conv(3), delay=1),
        timesteps=9,
    )
    model = fixed(network, 3)
    result = PASS.run(model)
    machine = result.model.network
    assert {p.name: start_of(p) for p in machine.populations} == {
        "input": 0,
        "a": 1,
        "a.relay1": 2,
        "a.relay2": 3,
        "b": 2,
        "c": 3,
        "out": 4,
    }
    assert {p.name: (p.source, p.delay) for p in machine.projections} == {
        "input>a": ("input", 1),
        "input>c": ("input", 4),
        "a>b": ("a", 1),
        "b>c": ("b", 1),
        "a>c": ("a.relay1", 1),
        "c>out": ("c", 1),
        "a>out": ("a.relay2", 1),
        "a>a": ("a", 1),
        "a>a.relay1": ("a", 1),
        "a.relay1>a.relay2": ("a.relay1", 1),
    }
    relay = machine.population("a.relay2")
    assert relay == Population("a.relay2", FixedLIF(4095, 4095, 3), bias=False)
    assert result.model.weights["a.relay2/threshold"].tolist() == [0, 0, 0]
    assert all(result.model.weights[name] is array for name, array in model.weights.items())
    assert machine.timesteps == 9  # the default of static sources; this one brings its steps
    assert result.changes == (
        "latency: 4 machine steps more than logical ones",
        "relays: 2 populations of 216 neurons in all",
        "a: starts at machine step 1, 2 relays of 108 neurons",
        "b: starts at machine step 2",
        "c: starts at machine step 3",
        "out: starts at machine step 4",
    )
    assert_same_in_machine_time(model, sample(network))


def test_changes_count_the_relays_that_are_there():
    for name, model in FIXED.items():
        result = PASS.run(model)
        shapes = population_shapes(result.model.network)
        relays = [prod(shapes[p.name]) for p in result.model.network.populations if relay_of(p.name)]
        assert f"relays: {len(relays)} populations of {sum(relays)} neurons in all" in result.changes, name


def test_default_steps_of_a_static_source_grow_by_the_latency():
    assert PASS.run(FIXED["chain"]).model.network.timesteps == 12 + 3
    model = FIXED["chain"]
    unset = PASS.run(Model(replace(model.network, timesteps=None), model.weights)).model
    assert unset.network.timesteps is None


@pytest.mark.parametrize("name", FIXED)
def test_a_network_in_machine_time_is_returned_as_it_is(name):
    once = PASS.run(FIXED[name])
    assert once.changes
    assert is_retimed(once.model.network)
    again = PASS.run(once.model)
    assert again.model is once.model
    assert again.changes == ()


def looped(first: int, second: int, third: int) -> Network:
    """Two cycles apart: a b (fast where first is 1) and c d e (fast where second + third < 3)."""
    return net(
        EVENTS,
        dict.fromkeys(("a", "b", "c", "d", "e", "out"), LEAKY),
        edge("input", "a", conv(2)),
        edge("a", "b", conv(2)),
        edge("b", "a", conv(2), delay=first),
        edge("b", "a", conv(2), delay=7, number=2),
        edge("b", "c", conv(2)),
        edge("c", "d", conv(2), delay=second),
        edge("d", "e", conv(2)),
        edge("e", "c", conv(2), delay=third),
        edge("e", "out", conv(2)),
        edge("out", "out", conv(2), delay=1),
    )


def test_every_component_that_is_too_fast_names_a_cycle():
    with pytest.raises(CompileError) as caught:
        PASS.run(fixed(looped(1, 0, 1), 0))
    assert str(caught.value).splitlines() == [
        "cycle a -> b -> a: has 2 synapses, each of which takes a machine step, but a delay of 1; give the "
        'genome "recurrence": "synaptic" (one step per synapse: another function, train again) or delay the '
        "projections of the cycle by 1 more",
        "cycle c -> d -> e -> c: has 3 synapses, each of which takes a machine step, but a delay of 1; give "
        'the genome "recurrence": "synaptic" (one step per synapse: another function, train again) or delay '
        "the projections of the cycle by 2 more",
    ]
    with pytest.raises(CompileError) as caught:
        PASS.run(fixed(looped(2, 1, 1), 0))
    assert [problem.where for problem in caught.value.problems] == ["cycle c -> d -> e -> c"]


def test_the_advice_of_a_refusal_helps():
    model = fixed(looped(2, 1, 2), 0)
    assert_same_in_machine_time(model, sample(model.network))


def test_a_shortest_cycle_is_named_not_a_tour_with_it():
    """a -> b -> a is fine and a -> b -> c -> a is not: what is named is one simple cycle."""
    network = net(
        EVENTS,
        dict.fromkeys(("a", "b", "c", "out"), LEAKY),
        edge("input", "a", conv(2)),
        edge("a", "b", conv(2)),
        edge("b", "a", conv(2), delay=2),
        edge("b", "c", conv(2)),
        edge("c", "c", conv(2), delay=1),
        edge("c", "a", conv(2), delay=2),
        edge("c", "out", conv(2)),
    )
    with pytest.raises(CompileError) as caught:
        PASS.run(fixed(network, 0))
    assert [problem.where for problem in caught.value.problems] == ["cycle a -> b -> c -> a"]


@settings(max_examples=80, deadline=None)
@given(network=graphs())
def test_cycles_that_are_named_are_cycles_and_too_fast(network):
    if not too_fast(network):
        return
    with pytest.raises(CompileError) as caught:
        PASS.run(fixed(network, 0))
    delays = {(p.source, p.target): [] for p in network.projections}
    for p in network.projections:
        delays[p.source, p.target].append(p.delay)
    for problem in caught.value.problems:
        cycle = problem.where.removeprefix("cycle ").split(" -> ")
        total = sum(min(delays[ends]) for ends in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1
        assert f"has {len(cycle) - 1} synapses" in problem.what
        assert f"a delay of {total}" in problem.what
        assert total < len(cycle) - 1


def test_names_of_relays_are_refused_and_late_starts_too():
    network = net(
        EVENTS,
        {"a": LEAKY, "a.relay3": LEAKY, "out": FixedLIF(start=4)},
        edge("input", "a", conv(2)),
        edge("a", "a.relay3", conv(2)),
        edge("a.relay3", "out", conv(2)),
    )
    with pytest.raises(CompileError) as caught:
        PASS.run(fixed(network, 0))
    assert str(caught.value).splitlines() == [
        "population a.relay3: has a name that is kept for relays; rename it in the network",
        "population out: starts at step 4 in a network that is not in machine time; start it at step 0",
    ]


def test_input_that_would_arrive_too_late_is_refused():
    network = net(
        EVENTS,
        {"a": LEAKY, "out": LEAKY},
        edge("input", "a", conv(2)),
        edge("a", "out", conv(2)),
        edge("input", "out", conv(2), delay=MAX_DELAY),
    )
    with pytest.raises(
        CompileError, match=f"projection input>out: arrives {MAX_DELAY + 2} machine steps late"
    ):
        PASS.run(fixed(network, 0))


def test_names_of_projections_stay_apart_from_those_of_relays():
    network = STRUCTURES["vectors"]
    renamed = tuple(replace(p, name="a>a.relay1") if p.name == "a>b" else p for p in network.projections)
    model = fixed(network.with_projections(renamed), 1)
    machine = assert_same_in_machine_time(model, sample(network))
    assert {"a>a.relay1", "a>a.relay1#"} <= {p.name for p in machine.network.projections}
