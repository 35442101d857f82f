"""The emulator's steps, one by one, are its whole run, and its changed membranes those of the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from msc.backends.lava import emulator
from msc.backends.lava.emulator import CannotEmulateError, Moment, emulate, stream
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import latency, machine_input
from msc.ir.network import Model
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.simulate import InputError, input_frames, simulate
from tests.fixed_networks import FIXED, STEPS, STRUCTURES, fixed, sample
from tests.networks import NETWORKS


def steps_given(model: Model) -> int | None:
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return STEPS if source.kind is InputKind.STATIC else None


def expected_updates(model: Model, inputs: NDArray[Any], steps: int | None) -> dict[str, NDArray[np.int64]]:
    """Changed membranes, [T, B], of the reference; at the first step every neuron."""
    trace = simulate(model, inputs, steps, membranes=True)
    counts = {}
    for name, membranes in trace.membranes.items():
        after = np.where(trace.spikes[name] > 0, 0, membranes)
        axes = tuple(range(2, after.ndim))
        later = (after[1:] != after[:-1]).sum(axis=axes)
        counts[name] = np.concatenate([np.full((1, later.shape[1]), np.prod(after.shape[2:])), later])
    return counts


def assert_same(model: Model, inputs: NDArray[Any], steps: int | None) -> None:
    expected, updates = simulate(model, inputs, steps, membranes=True), expected_updates(model, inputs, steps)
    source = model.network.source.neuron
    assert isinstance(source, Source)
    _, frames = input_frames(source, inputs, steps)
    moments = 0
    for moment in stream(model, inputs, steps, updates=True):
        t, some = moment.step, moment.samples
        moments += some.stop - some.start
        shown = frames[some] if source.kind is InputKind.STATIC else frames[t, some]
        np.testing.assert_array_equal(moment.frames, shown)
        assert set(moment.spikes) == set(moment.membranes) == set(moment.changed) == set(expected.spikes)
        for name, spikes in expected.spikes.items():
            here = np.moveaxis(moment.spikes[name], -1, 0)
            np.testing.assert_array_equal(here, spikes[t, some], name)
            rested = np.where(here, 0, expected.membranes[name][t, some])
            np.testing.assert_array_equal(np.moveaxis(moment.membranes[name], -1, 0), rested, name)
            np.testing.assert_array_equal(moment.changed[name], updates[name][t, some], name)
            assert moment.changed[name].dtype == np.int64
    assert moments == len(expected.outputs) * expected.outputs.shape[1]


@pytest.mark.parametrize("at_once", [1, 1 << 24])
@pytest.mark.parametrize("name", FIXED)
def test_every_step_is_that_of_the_reference(
    name: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "CHUNK_BYTES", at_once)
    assert_same(FIXED[name], sample(FIXED[name].network, 3), steps_given(FIXED[name]))


@pytest.mark.parametrize("name", FIXED)
def test_every_machine_step_is_that_of_the_reference(name: str) -> None:
    """Populations that have not started rest, and change nothing after the first step; relays count too."""
    machine = RETIME.run(FIXED[name]).model
    assert_same(
        machine, *machine_input(machine.network, sample(FIXED[name].network), steps_given(FIXED[name]))
    )


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(STRUCTURES)),
    st.lists(
        st.builds(
            FixedLIF, st.sampled_from([4095, 0, 1000]), st.sampled_from([0, 2048, 700]), st.integers(0, 4)
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 2**20),
)
def test_any_neurons_change_as_those_of_the_reference(name: str, kinds: list[FixedLIF], seed: int) -> None:
    network = STRUCTURES[name]
    populations = tuple(
        p if p.is_source else replace(p, neuron=kinds[i % len(kinds)])
        for i, p in enumerate(network.populations)
    )
    model = fixed(replace(network, populations=populations), seed)
    assert_same(model, sample(network, seed), steps_given(model))


def test_long_inputs_are_converted_a_few_frames_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from msc.backends.lava import frames

    converted: list[int] = []

    def counting(source: Source, inputs: NDArray[Any], steps: int | None) -> Any:
        converted.append(len(inputs))
        return input_frames(source, inputs, steps)

    monkeypatch.setattr(frames, "input_frames", counting)
    model = FIXED["delays"]
    inputs = sample(model.network, steps=100)
    expected = simulate(model, inputs)
    found = emulate(model, inputs)
    np.testing.assert_array_equal(found.outputs, expected.outputs)
    assert max(converted) <= 16
    assert sum(converted) == 100, "each once"
    bound = emulator._bytes_per_sample(model.network, 10**6)
    assert bound == emulator._bytes_per_sample(model.network, 100)


def test_a_step_is_good_until_the_next() -> None:
    model = FIXED["vectors"]
    moments = stream(model, sample(model.network))
    first = next(moments)
    assert (first.step, first.samples, dict(first.changed)) == (0, slice(0, 3), {})
    assert isinstance(first, Moment)


def test_what_is_wrong_with_values_is_found_where_they_are_reached() -> None:
    model = FIXED["vectors"]
    inputs = sample(model.network, steps=40)
    inputs[35, 1, 2] = np.nan
    moments = stream(model, inputs)
    for step in range(20):
        assert next(moments).step == step
    with pytest.raises(InputError) as caught:
        list(moments)
    assert str(caught.value) == "input: holds values that are not finite; remove NaN and infinity"


def test_what_is_not_in_fixed_point_is_refused() -> None:
    with pytest.raises(
        CannotEmulateError, match=r"^network: is not in fixed point; lower it for the target lava"
    ):
        next(stream(NETWORKS["chain"], np.zeros((1, 2, 6, 6)), 4))


def test_machine_time_runs_longer() -> None:
    machine = RETIME.run(FIXED["chain"]).model
    inputs, steps = machine_input(machine.network, sample(FIXED["chain"].network))
    moments = list(stream(machine, inputs, steps))
    assert len(moments) == steps == STEPS + latency(machine.network)
