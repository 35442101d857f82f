"""Warm-ups: by brute force in plain integers no neuron fires before its start, and no less would do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from msc.backends.lava.warm_up import HOLD_WEIGHT, WarmUp, warm_up, warm_up_problems
from msc.compiler.contracts import CompileError
from msc.compiler.passes.retime import PASS
from msc.ir.network import Model
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Linear, Op, Quantise, Scale
from msc.ir.step import LARGEST_STATE
from tests.fixed_networks import FIXED, LEAKY, fixed
from tests.networks import PIXELS, conv, edge, net

MACHINES = {name: PASS.run(model).model for name, model in FIXED.items()}
HEAD_ROOM = 2**17  # of synaptic sums, in units of weight


@dataclass(frozen=True)
class Ran:
    """What one neuron did before its start: whether it fired, and its largest synaptic current."""

    fired: bool
    current: int


def on_lava(neuron: FixedLIF, bias: int, threshold: int, warm: WarmUp) -> Ran:
    """Run one neuron to its start as lava-nc 0.10.0 does, in Python's integers, wrapping as Lava wraps."""
    u, v, largest = 0, warm.initial_voltage, 0
    for step in range(neuron.start):
        a = HOLD_WEIGHT * warm.hold if step >= 1 else 0
        u = _decayed(u, 4096 - (neuron.decay_u + 1)) + (a << 6)
        u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
        largest = max(largest, abs(u))
        v = min(max(_decayed(v, 4096 - neuron.decay_v) + u + bias, -LARGEST_STATE), LARGEST_STATE)
        if v > threshold << 6:
            return Ran(True, largest)
    return Ran(False, largest)


def _decayed(value: int, factor: int) -> int:
    return (1 if value > 0 else -1) * ((abs(value) * factor) >> 12)


def alone(neuron: FixedLIF, biases: list[int], thresholds: list[int]) -> Model:
    """One population in machine time, with the given bias and threshold per channel."""
    network = net(
        Source((1,), InputKind.EVENTS),
        {"out": neuron},
        edge("input", "out", Linear(len(biases)), delay=max(neuron.start, 1)),
    )
    weights = {"out/bias": biases, "out/threshold": thresholds, "input>out/0/weight": [[2]] * len(biases)}
    return Model(network, {name: np.array(values, np.float32) for name, values in weights.items()})


def channels(machine: Model, name: str) -> list[tuple[int, int]]:
    """The bias and threshold of every channel of a population."""
    population = machine.network.population(name)
    thresholds = machine.weights[population.threshold_key].astype(int).tolist()
    bias = machine.weights[population.bias_key].astype(int).tolist() if population.bias else None
    return list(zip(bias or [0] * len(thresholds), thresholds, strict=True))


@pytest.mark.parametrize("name", MACHINES)
def test_no_channel_fires_before_its_start_and_no_current_leaves_the_head_room(name):
    machine = MACHINES[name]
    found = warm_up(machine)
    assert set(found) == {p.name for p in machine.network.populations if not p.is_source}
    for population, warm in found.items():
        neuron = machine.network.population(population).neuron
        assert isinstance(neuron, FixedLIF)
        for bias, threshold in channels(machine, population):
            ran = on_lava(neuron, bias, threshold, warm)
            assert not ran.fired, population
            assert ran.current < HEAD_ROOM * 64


def test_without_a_warm_up_biases_fire_and_without_a_hold_they_still_do():
    """The fixture "deep" has starts of up to 17: a membrane that decays from the lowest value gets there."""
    machine = MACHINES["deep"]

    def firing(warm: WarmUp) -> set[str]:
        return {
            p.name
            for p in machine.network.populations
            if isinstance(p.neuron, FixedLIF)
            and any(on_lava(p.neuron, *values, warm).fired for values in channels(machine, p.name))
        }

    assert firing(WarmUp()) > firing(WarmUp(-LARGEST_STATE)) > set()
    found = warm_up(machine)
    assert {name for name, warm in found.items() if warm.initial_voltage} == firing(WarmUp())
    assert {name for name, warm in found.items() if warm.hold} == firing(WarmUp(-LARGEST_STATE))


def test_what_stays_silent_by_itself_gets_nothing():
    assert warm_up(MACHINES["deep"])["a.relay15"] == WarmUp()
    assert warm_up(alone(replace(LEAKY, start=9), [1000], [100]))["out"] == WarmUp()
    assert warm_up(alone(replace(LEAKY, start=0), [500000], [100]))["out"] == WarmUp()


@settings(max_examples=300, deadline=None)
@given(
    decay_u=st.sampled_from([4095, 4095, 4095, 3000, 1000, 100, 0]),
    decay_v=st.sampled_from([0, 10, 700, 2048, 3072, 4000, 4095]),
    start=st.integers(1, 40),
    values=st.lists(
        st.tuples(
            st.integers(-4095, 4095),
            st.integers(0, 7),
            st.one_of(st.integers(0, 200), st.integers(0, 2**17 - 1)),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_the_least_hold_that_works_is_found_or_none_does(decay_u, decay_v, start, values):
    neuron = FixedLIF(decay_u, decay_v, start)
    pairs = [(mantissa << exponent, threshold) for mantissa, exponent, threshold in values]
    machine = alone(neuron, [bias for bias, _ in pairs], [threshold for _, threshold in pairs])

    def works(warm: WarmUp) -> bool:
        runs = [on_lava(neuron, bias, threshold, warm) for bias, threshold in pairs]
        return not any(ran.fired or ran.current >= HEAD_ROOM * 64 for ran in runs)

    if warm_up_problems(machine):
        event("refused")
        assert not any(works(WarmUp(-LARGEST_STATE, hold)) for hold in range(515))
        return
    warm = warm_up(machine)["out"]
    event(f"voltage {warm.initial_voltage}, {'with' if warm.hold else 'no'} hold")
    assert works(warm)
    if warm.hold:
        assert not works(replace(warm, hold=warm.hold - 1))
    elif warm.initial_voltage:
        assert not works(WarmUp())


def test_a_current_that_becomes_a_bias_is_bounded_by_its_quantiser():
    """What the host computes is not known when compiling, but its limit is: 4000 units of 2^exponent."""
    exponents = {"a": 2, "b": 1, "out": 3}
    network = net(
        PIXELS,
        {"a": LEAKY, "b": LEAKY, "out": FixedLIF(4095, 0)},
        *(edge("input", name, *hosted(exponent)) for name, exponent in exponents.items()),
        edge("a", "b", conv(2)),
        edge("b", "out", conv(2)),
        timesteps=4,
    )
    machine = PASS.run(fixed(network, 1)).model
    found = warm_up(machine)
    for name, exponent in exponents.items():
        neuron = machine.network.population(name).neuron
        assert isinstance(neuron, FixedLIF)
        values = channels(machine, name)
        for current in (-4000, -1, 0, 1234, 4000):
            for bias, threshold in values:
                assert not on_lava(neuron, bias + (current << exponent), threshold, found[name]).fired
        assert any(on_lava(neuron, bias + (4000 << exponent), vth, WarmUp()).fired for bias, vth in values)


def hosted(exponent: int) -> tuple[Op, ...]:
    """Ops whose current the host gives as a bias of up to 4000 units of 2^exponent."""
    return (Quantise(1.0, 1), conv(2), Quantise(1.0, 4000), Scale(2.0**exponent / 64))


def test_what_nothing_can_hold_is_refused_with_every_population_and_its_channels():
    """A membrane that forgets in one step: no initial value lasts, and no spike arrives at machine step 0."""
    forgetful = FixedLIF(4095, 4095)
    network = net(
        Source((3,), InputKind.EVENTS),
        {"a": LEAKY, "b": forgetful, "out": forgetful},
        edge("input", "a", Linear(4)),
        edge("a", "b", Linear(9)),
        edge("b", "out", Linear(5)),
    )
    model = fixed(network, 2)
    most = 64 * 100 + 2047  # of a bias that the lowest membrane, 2047 lower after a step, keeps silent
    weights = dict(model.weights)
    weights |= {"b/bias": np.full(9, 90000, np.float32), "b/threshold": np.full(9, 3, np.float32)}
    weights["out/bias"] = np.array([most, most + 1, 0, 40000, -9], np.float32)
    weights["out/threshold"] = np.full(5, 100, np.float32)
    machine = PASS.run(Model(network, weights)).model
    with pytest.raises(CompileError) as caught:
        warm_up(machine)
    reason = "Lava cannot hold them with a decay_v of 4095 and a decay_u of 4095"
    fix = "lower the bias or give the neurons a longer time constant"
    assert str(caught.value).splitlines() == [
        "population b: the bias of channels 0, 1, 2, 3, 4, 5, 6, 7, .. fires them before machine step 2, "
        f"where they start; {reason}; {fix}",
        f"population out: the bias of channels 1, 3 fires them before machine step 3, where they start; "
        f"{reason}; {fix}",
    ]
    assert warm_up_problems(machine) == caught.value.problems


def test_a_current_that_remembers_can_be_held_by_few_synapses_only():
    """Over the 59 steps before the start they add up in a current that keeps everything."""
    bias = 200_000
    forgets, keeps = FixedLIF(4095, 4000, 60), FixedLIF(0, 4000, 60)
    warm = warm_up(alone(forgets, [bias], [100]))["out"]
    assert warm.initial_voltage == -LARGEST_STATE
    assert warm.hold * -HOLD_WEIGHT < HEAD_ROOM < 59 * warm.hold * -HOLD_WEIGHT
    (problem,) = warm_up_problems(alone(keeps, [bias], [100]))
    assert "Lava cannot hold them with a decay_v of 4000 and a decay_u of 0" in problem.what
