"""Placing: every neuron once, every limit kept, and counts that agree with explicit matrices."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.placement import load_profile, place, placement_problems
from msc.compiler.placement.capacity import Resource
from msc.compiler.placement.model import Placement
from msc.compiler.timing import start_of
from msc.ir.network import Model, Network
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear
from msc.ir.shapes import population_shapes
from tests.compiler.placement.matrices import counted
from tests.compiler.placement.profiles import chip
from tests.fixed_networks import FIXED, LEAKY, STRUCTURES, as_bias, fixed, graded
from tests.networks import EVENTS, PIXELS, conv, edge, net

MACHINES = {name: RETIME.run(model).model for name, model in FIXED.items()}
TIGHT = {
    "neurons": {"neurons_per_core": 50},
    "memory": {"synaptic_memory_per_core": 12_000},
    "shared memory": {"synaptic_memory_per_core": 4_000, "weight_sharing": True},
    "input axons": {"input_axons_per_core": 110},
    "output axons": {"output_axons_per_core": 120, "neurons_per_core": 60},
    "thresholds": {"thresholds_per_core": 3},
    "all": {
        "neurons_per_core": 90,
        "synaptic_memory_per_core": 20_000,
        "input_axons_per_core": 200,
        "output_axons_per_core": 150,
        "thresholds_per_core": 5,
    },
}


def neurons_placed(placement: Placement) -> Counter[tuple[str, tuple[int, ...]]]:
    """Count how often each neuron is placed."""
    return Counter(
        (block.population, place)
        for core in placement.cores
        for block in core.blocks
        for place in product(*(range(a, b) for a, b in zip(block.start, block.stop, strict=True)))
    )


def check(model: Model | Network, placement: Placement) -> None:
    """Check all that holds of every placement."""
    network = model if isinstance(model, Network) else model.network
    weights = {} if isinstance(model, Network) else model.weights
    shapes = population_shapes(network)
    unplaced = {placed.name for placed in placement.populations if placed.tile is None}
    once = neurons_placed(placement)
    assert set(once.values()) <= {1}
    sizes = Counter(name for name, _ in once.elements())
    assert sizes == {
        p.name: prod(shapes[p.name])
        for p in network.populations
        if not p.is_source and p.name not in unplaced
    }
    shares = placement.capacity.shares
    for core, found in zip(placement.cores, counted(model, placement), strict=True):
        assert core.blocks
        for resource in Resource:
            assert placement.capacity.holds(resource, core.use[resource]), resource
        assert core.use[Resource.NEURONS] == found.neurons
        assert core.synapses == found.synapses
        assert found.stored <= core.stored <= core.synapses  # zeros make more lists equal
        if all(np.all(w) for name, w in weights.items() if name.endswith("/weight")):
            assert core.stored == found.stored
        counted_synapses = core.stored if shares else core.synapses
        assert core.use[Resource.MEMORY] == placement.capacity.weight_bits * counted_synapses
        assert core.use[Resource.INPUT_AXONS] == found.input_axons
        assert core.use[Resource.OUTPUT_AXONS] == found.output_axons
        if all(f"{block.population}/threshold" in weights for block in core.blocks):
            thresholds = {
                value
                for block in core.blocks
                for value in weights[f"{block.population}/threshold"][block.start[0] : block.stop[0]]
            }
            assert core.use[Resource.THRESHOLDS] == len(thresholds)


@pytest.mark.parametrize("limits", TIGHT)
@pytest.mark.parametrize("name", MACHINES)
def test_cores_hold_what_matrices_say(name: str, limits: str) -> None:
    profile = chip(**TIGHT[limits])
    for model in (MACHINES[name], MACHINES[name].network):
        check(model, place(model, profile))


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(sorted(MACHINES)),
    neurons=st.integers(1, 400),
    memory=st.none() | st.integers(1, 60_000),
    axons=st.none() | st.integers(1, 400),
    sent=st.none() | st.integers(1, 400),
    thresholds=st.none() | st.integers(1, 20),
    shares=st.booleans(),
    known=st.booleans(),
)
def test_every_profile_is_kept_or_refused(
    name: str,
    neurons: int,
    memory: int | None,
    axons: int | None,
    sent: int | None,
    thresholds: int | None,
    shares: bool,
    known: bool,
) -> None:
    limits = {
        "synaptic_memory_per_core": memory,
        "input_axons_per_core": axons,
        "output_axons_per_core": sent,
        "thresholds_per_core": thresholds,
    }
    given_limits = {name: value for name, value in limits.items() if value is not None}
    profile = chip(neurons_per_core=neurons, weight_sharing=shares, graded_spikes=True, **given_limits)
    model = MACHINES[name] if known else MACHINES[name].network
    placement = place(model, profile)
    check(model, placement)
    assert place(model, profile) == placement
    refused = {problem.where.removeprefix("population ") for problem in placement_problems(placement)}
    assert refused == {placed.name for placed in placement.populations if placed.tile is None}


def test_a_neuron_alone_is_refused_only_where_it_is_too_much() -> None:
    """At the limit it fits, one below it does not; the message has both numbers."""
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", Flatten(), Linear(5), delay=1))
    assert not placement_problems(place(network, chip(input_axons_per_core=72)))
    (problem,) = placement_problems(place(network, chip(input_axons_per_core=71)))
    assert str(problem) == (
        "population out: one neuron needs 72 input axons, a core of chip has 71; narrow or pool what feeds it"
    )
    assert not placement_problems(place(network, chip(synaptic_memory_per_core=576)))
    (problem,) = placement_problems(place(network, chip(synaptic_memory_per_core=575)))
    assert str(problem) == (
        "population out: one neuron needs 576 bits of synaptic memory, a core of chip has 575; "
        "narrow or pool what feeds it"
    )


def test_a_neuron_that_reaches_too_many_cores_is_refused() -> None:
    network = net(
        EVENTS,
        {"a": LEAKY, "out": LEAKY},
        edge("input", "a", conv(1), delay=1),
        edge("a", "out", Flatten(), Linear(9), delay=1),
    )
    profile = chip(neurons_per_core=1, output_axons_per_core=9)
    assert not placement_problems(place(network, profile))
    (problem,) = placement_problems(place(network, chip(neurons_per_core=1, output_axons_per_core=8)))
    assert str(problem) == (
        "population a: one neuron needs 9 output axons, a core of chip has 8; "
        "let it feed fewer or smaller populations"
    )


def test_all_offenders_are_listed_and_the_rest_is_placed() -> None:
    network = MACHINES["everything"].network
    placement = place(network, chip(input_axons_per_core=60))
    refused = [placed.name for placed in placement.populations if placed.tile is None]
    assert len(refused) > 1
    assert [p.where for p in placement_problems(placement)] == [f"population {name}" for name in refused]
    check(network, placement)


def test_parallel_projections_share_their_axons() -> None:
    """A source neuron that reaches a core twice takes one axon; only exact counting lets these fit."""
    network = net(
        EVENTS,
        {"out": LEAKY},
        edge("input", "out", conv(3, 5), delay=1),
        edge("input", "out", conv(3), delay=1, number=2),
    )
    placement = place(network, chip(input_axons_per_core=72))
    assert [core.use[Resource.INPUT_AXONS] for core in placement.cores] == [72]
    check(network, placement)
    assert len(place(network, chip(input_axons_per_core=71)).cores) > 1


def test_holes_in_kernels_take_no_axons() -> None:
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", conv(2), delay=1))
    model = fixed(network, 1)
    kernel = np.zeros((2, 2, 3, 3), np.float32)
    kernel[0, 0, 0, 1] = kernel[1, 1, 2, 2] = 4
    holes = Model(network, {**model.weights, "input>out/0/weight": kernel})
    placement = place(holes, chip(input_axons_per_core=55))
    check(holes, placement)
    assert [core.use[Resource.INPUT_AXONS] for core in placement.cores] == [30 + 25]
    assert len(place(network, chip(input_axons_per_core=55)).cores) > 1


def test_an_input_that_becomes_biases_takes_nothing() -> None:
    (core,) = place(MACHINES["bias_input"].network, load_profile("loihi1")).cores
    into_a = next(p for p in MACHINES["bias_input"].network.projections if p.target == "a")
    assert into_a.ops == as_bias(conv(4))
    only = net(PIXELS, {"out": LEAKY}, edge("input", "out", *as_bias(conv(4)), delay=1))
    (alone,) = place(only, load_profile("loihi1")).cores
    assert (alone.synapses, alone.use[Resource.INPUT_AXONS]) == (0, 0)
    assert core.use[Resource.INPUT_AXONS] > 0


def test_populations_go_into_the_first_core_that_has_room_in_the_order_they_start() -> None:
    """Two populations of 108 neurons fill 220; what 4 neurons are left over takes the last, the output."""
    network = MACHINES["deep"].network
    placement = place(network, chip(neurons_per_core=220))
    starts = [start_of(network.population(placed.name)) for placed in placement.populations]
    assert starts == sorted(starts)
    names = [placed.name for placed in placement.populations]
    assert placement.cores[0].populations == (*names[:2], "out")
    assert [core.populations for core in placement.cores[1:3]] == [tuple(names[2:4]), tuple(names[4:6])]


def test_cores_fill_chips_one_after_another() -> None:
    network = MACHINES["chain"].network
    placement = place(network, chip(cores_per_chip=3, neurons_per_core=30))
    assert (len(placement.cores), placement.chips) == (8, 3)
    assert place(network, chip(cores_per_chip=8, neurons_per_core=30)).chips == 1


def test_fewer_tiles_are_not_possible() -> None:
    """A population of 4x6x6 on cores of 50 neurons: 144 / 50 rounds up to 3, and 3 tiles do it."""
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", conv(4), delay=1))
    placement = place(network, chip(neurons_per_core=50))
    assert [core.use[Resource.NEURONS] for core in placement.cores] == [48, 48, 48]


def test_of_tiles_as_many_the_one_with_fewest_axons_is_taken() -> None:
    """Two halves of the channels read all of the input each, two halves of the rows read less."""
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", conv(4), delay=1))
    placement = place(network, chip(neurons_per_core=72))
    assert placement.populations[0].tile in ((4, 3, 6), (4, 6, 3))
    assert [core.use[Resource.INPUT_AXONS] for core in placement.cores] == [48, 48]


def test_known_weights_need_no_more_than_unknown_ones() -> None:
    for machine in MACHINES.values():
        known, unknown = (place(m, chip()) for m in (machine, machine.network))
        assert sum(c.synapses for c in known.cores) <= sum(c.synapses for c in unknown.cores)


class TestRules:
    """What a chip cannot do wherever neurons lie."""

    def test_graded_spikes(self) -> None:
        machine = MACHINES["chain"]
        assert [str(p) for p in placement_problems(place(machine, load_profile("loihi1")))] == [
            "projection input>a: sends graded spikes, which loihi1 does not have; use --option input=bias"
        ]
        assert not placement_problems(place(machine, load_profile("loihi2")))
        assert not placement_problems(place(MACHINES["bias_input"], load_profile("loihi1")))

    def test_events_are_spikes(self) -> None:
        assert not placement_problems(place(MACHINES["everything"], load_profile("loihi1")))

    def test_weights(self) -> None:
        problems = [str(p) for p in placement_problems(place(MACHINES["delays"], chip(weight_bits=6)))]
        assert problems
        for problem in problems:
            assert problem.endswith("chip holds 6 bits and a sign mode; quantise the network")
        assert not placement_problems(place(MACHINES["delays"], chip(weight_bits=8)))
        assert not placement_problems(place(MACHINES["delays"].network, chip(weight_bits=6)))

    def test_decays(self) -> None:
        network = STRUCTURES["vectors"]
        problems = [str(p) for p in placement_problems(place(network, chip(decay_bits=11)))]
        assert problems[0] == (
            "population b: has a decay of 4095, chip holds 11 bits; choose a profile with more bits"
        )
        assert len(problems) == 2
        assert not placement_problems(place(network, chip(decay_bits=12)))

    def test_delays(self) -> None:
        network = STRUCTURES["delays"]
        assert not placement_problems(place(network, chip(synaptic_delay=3)))
        assert [str(p) for p in placement_problems(place(network, chip(synaptic_delay=2)))] == [
            "projection out>out: takes 4 steps, synapses of chip take at most 3; retime the network"
        ]


def test_what_is_no_single_kernel_is_a_bug() -> None:
    network = net(EVENTS, {"out": LEAKY}, edge("input", "out", conv(3), conv(3), delay=1))
    with pytest.raises(AssertionError, match=r"projection input>out: Conv2d > Conv2d is no single kernel"):
        place(network, chip())


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_single_kernel_is_counted_as_matrices_say(data: st.DataObject) -> None:
    """Kernels, strides, paddings, dilations and groups, square or not, on maps they hardly fit."""
    draw = data.draw
    groups = draw(st.integers(1, 3))
    channels, made = (groups * draw(st.integers(1, 3)) for _ in range(2))
    height, width = draw(st.integers(3, 8)), draw(st.integers(3, 8))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, d * (k - 1))) for k, d in zip(kernel, dilation, strict=True))
    need = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    height, width = max(height, need[0]), max(width, need[1])
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    op = Conv2d(made, kernel, stride, (padding[0], padding[1]), dilation, groups)
    source = Source((channels, height, width), InputKind.EVENTS)
    network = net(source, {"out": LEAKY}, edge("input", "out", op, delay=1))
    profile = chip(
        neurons_per_core=draw(st.integers(1, 60)),
        weight_sharing=draw(st.booleans()),
        input_axons_per_core=draw(st.integers(channels * 4, 200)),
    )
    check(network, place(network, profile))
    weights = {name: w.copy() for name, w in fixed(network, draw(st.integers(0, 99))).weights.items()}
    check(Model(network, weights), place(Model(network, weights), profile))


def test_relays_are_placed_and_named() -> None:
    placement = place(MACHINES["everything"], load_profile("loihi2"))
    relays = {placed.name: placed.relays for placed in placement.populations if placed.relays}
    assert relays
    assert set(relays.values()) == {"a"}


def test_thresholds_that_are_not_known_keep_populations_apart() -> None:
    network = net(
        EVENTS,
        {"a": FixedLIF(), "out": FixedLIF()},
        edge("input", "a", conv(20), delay=1),
        edge("a", "out", conv(1), delay=1),
    )
    placement = place(network, chip(thresholds_per_core=16))
    assert [core.use[Resource.THRESHOLDS] for core in placement.cores] == [16, 1]
    same = {name: np.full(size, 3, np.float32) for name, size in (("a/threshold", 20), ("out/threshold", 1))}
    known = Model(network, same)
    assert [core.use[Resource.THRESHOLDS] for core in place(known, chip(thresholds_per_core=1)).cores] == [1]


def test_graded_inputs_take_axons_of_the_source() -> None:
    network = net(PIXELS, {"out": LEAKY}, edge("input", "out", *graded(conv(3)), delay=1))
    (core,) = place(network, load_profile("loihi2")).cores
    assert core.use[Resource.INPUT_AXONS] == 72
