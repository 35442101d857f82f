"""Counting on simulators: the same integers from all, however samples and steps are cut up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray

from msc.backends import batches, counting
from msc.backends.counting import count
from msc.backends.lava import emulator
from msc.backends.pytorch import portions
from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.registry import UnknownPartError
from msc.compiler.timing import latency, machine_input
from msc.ir.activity import Activity, Quantity, Readout
from msc.ir.fixed import on_host
from msc.ir.network import Model
from msc.ir.neurons import IF, LIF, CubaLIF, FixedLIF, InputKind, Source
from msc.ir.ops import Quantise
from msc.ir.simulate import InputError, input_frames, simulate
from msc.ir.synapses import wire
from msc.ir.verify import InvalidNetworkError
from tests import fixed_networks
from tests.dyadic import sample_input, steps_of
from tests.fixed_networks import FIXED
from tests.networks import NETWORKS
from tests.requires import require, require_lava
from tests.strategies import models

SPIKING = LIF | IF | CubaLIF | FixedLIF


def shown(model: Model, batch: int = 5) -> tuple[NDArray[Any], int | None]:
    """An input of the network's kind, and the steps of a static one."""
    source = model.network.source.neuron
    assert isinstance(source, Source)
    steps = steps_of(model.network) if source.kind is InputKind.STATIC else None
    return sample_input(model.network, 2, batch), steps


def assert_same(found: Activity, expected: Activity, membranes: bool = True) -> None:
    """Compare two activities; without `membranes` only what `found` has."""
    if membranes:
        assert found.columns == expected.columns
    places = [expected.columns.index(column) for column in found.columns]
    np.testing.assert_array_equal(found.table, expected.table[:, places])
    assert found.steps == expected.steps
    for name, counts in expected.per_neuron.items():
        np.testing.assert_array_equal(found.per_neuron[name], counts, name)
        np.testing.assert_array_equal(found.raster[name], expected.raster[name], name)
    np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-6)


def by_hand(
    model: Model, inputs: NDArray[Any], steps: int | None
) -> dict[tuple[Quantity, str], NDArray[Any]]:
    """Count in the reference's whole trace: events, spikes and membranes, [B] each."""
    trace, wiring = simulate(model, inputs, steps, membranes=True), wire(model)
    source = model.network.source
    assert isinstance(source.neuron, Source)
    total, frames = input_frames(source.neuron, inputs, steps)
    emitted = {source.name: np.broadcast_to(frames, (total, *frames.shape[-len(source.neuron.shape) - 1 :]))}
    emitted |= trace.spikes
    counts: dict[tuple[Quantity, str], NDArray[Any]] = {}
    for p in model.network.projections:
        given = emitted[p.source][: max(total - p.delay, 0)]
        if p.ops and isinstance(p.ops[0], Quantise):
            given = np.rint(given * p.ops[0].scale)
        once = on_host(p) and source.neuron.kind is InputKind.STATIC
        fired = given[: 1 if once else None] != 0
        fan_out = wiring.synapses[p.name].fan_out
        counts[Quantity.EVENTS, p.name] = (fired * fan_out).sum(axis=(0, *range(2, fired.ndim)))
    for name, values in emitted.items():
        counts[Quantity.SPIKES, name] = (values != 0).sum(axis=(0, *range(2, values.ndim)))
    for name, membrane in trace.membranes.items():
        neuron = model.network.population(name).neuron
        if isinstance(neuron, SPIKING):
            reset = 0.0 if isinstance(neuron, FixedLIF) else neuron.v_reset
            membrane = np.where(emitted[name] != 0, reset, membrane)
        axes = (0, *range(2, membrane.ndim))
        later = (membrane[1:] != membrane[:-1]).sum(axis=axes)
        counts[Quantity.UPDATES, name] = later + int(np.prod(membrane.shape[2:]))
    return counts


@pytest.mark.parametrize("on", [None, "pytorch", "reference"])
@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_those_of_the_reference_on_every_fixture(name: str, on: str | None) -> None:
    model = NETWORKS[name]
    inputs, steps = shown(model)
    found = count(model, wire(model), inputs, steps, on)
    expected = by_hand(model, inputs, steps)
    assert set(found.columns) == set(expected)
    for place, column in enumerate(found.columns):
        np.testing.assert_array_equal(found.table[:, place], expected[column], str(column))
    assert found.saw_membranes
    assert found.total(Quantity.EVENTS) > 0


@settings(max_examples=25, deadline=None)
@given(models())
def test_executor_and_reference_count_the_same_on_any_network(model: Model) -> None:
    inputs, steps = shown(model)
    wiring = wire(model)
    assert_same(count(model, wiring, inputs, steps), count(model, wiring, inputs, steps, "reference"))


@pytest.mark.parametrize("on", [None, "loihi", "reference"])
@pytest.mark.parametrize("name", FIXED)
def test_fixed_point_networks_are_counted_in_logical_and_in_machine_time(name: str, on: str | None) -> None:
    """In machine time relays count, and more steps."""
    model = FIXED[name]
    inputs = fixed_networks.sample(model.network)
    steps = fixed_networks.STEPS if model.network.timesteps else None
    machine = RETIME.run(model).model
    streamed, machine_steps = machine_input(machine.network, inputs, steps)
    for each, x, t in ((model, inputs, steps), (machine, streamed, machine_steps if steps else None)):
        found, expected = count(each, wire(each), x, t, on), by_hand(each, x, t)
        for place, column in enumerate(found.columns):
            np.testing.assert_array_equal(found.table[:, place], expected[column], str(column))
        assert found.saw_membranes
    assert found.steps == fixed_networks.STEPS + latency(machine.network)


@pytest.mark.parametrize("bytes_at_once", [1, 20_000])
@pytest.mark.parametrize("name", ["chain", "delays", "delayed_chain", "feedback", "membrane", "sum_pool"])
def test_how_samples_and_steps_are_cut_up_changes_nothing(
    name: str, bytes_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = NETWORKS[name]
    inputs, steps = shown(model, batch=7)
    whole = count(model, wire(model), inputs, steps)
    reference = count(model, wire(model), inputs, steps, "reference")
    for module in (portions, batches):
        monkeypatch.setattr(module, "PORTION_BYTES" if module is portions else "BATCH_BYTES", bytes_at_once)
    assert_same(count(model, wire(model), inputs, steps), whole)
    assert_same(count(model, wire(model), inputs, steps, "reference"), reference)


@pytest.mark.parametrize("name", ["chain", "delays", "bias_input", "everything"])
def test_how_the_emulator_cuts_up_samples_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 steps, more than are gathered at once."""
    model = FIXED[name]
    inputs = fixed_networks.sample(model.network, batch=5, steps=40)
    steps = 40 if model.network.timesteps else None
    whole = count(model, wire(model), inputs, steps)
    assert_same(whole, count(model, wire(model), inputs, steps, "reference"))
    monkeypatch.setattr(emulator, "CHUNK_BYTES", 1)
    assert_same(count(model, wire(model), inputs, steps), whole)


def test_more_steps_than_a_byte_counts() -> None:
    model = NETWORKS["dense"]
    inputs = (np.random.default_rng(0).random((900, 2, 12)) < 0.4).astype(np.uint8)
    wiring = wire(model)
    expected = count(model, wiring, inputs, None, "reference")
    assert_same(count(model, wiring, inputs), expected)
    assert expected.steps == 900
    assert expected.per_neuron["input"].max() > 255
    assert np.abs(expected.outputs).max() > 255


def test_static_frames_are_shown_for_the_steps_of_the_network() -> None:
    model = NETWORKS["chain"]
    inputs, _ = shown(model)
    assert count(model, wire(model), inputs).steps == 4
    assert count(model, wire(model), inputs, 9).steps == 9


def test_more_readouts_become_more_columns() -> None:
    model = NETWORKS["loop"]
    inputs, steps = shown(model)
    twice = Readout((Quantity.MESSAGES, "a"), "a", np.full((4, 6, 6), 2), delay=1)
    found = count(model, wire(model), inputs, steps, extra=[twice])
    later = (simulate(model, inputs, steps).spikes["a"][:-1]).sum(axis=(0, 2, 3, 4))
    np.testing.assert_array_equal(found.per_sample(Quantity.MESSAGES, "a"), 2 * later)


@pytest.mark.parametrize("on", [None, "reference"])
def test_progress_is_told_in_samples(on: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION_BYTES", 1)
    monkeypatch.setattr(batches, "BATCH_BYTES", 1)
    model = NETWORKS["chain"]
    inputs, steps = shown(model, batch=3)
    told: list[tuple[int, int]] = []
    count(model, wire(model), inputs, steps, on, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("on", [None, "reference"])
def test_an_interruption_passes_and_leaves_nothing_behind(
    on: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "PORTION_BYTES", 1)
    monkeypatch.setattr(batches, "BATCH_BYTES", 1)
    model = NETWORKS["loop"]
    inputs, steps = shown(model)
    threads = torch.get_num_threads()

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count(model, wire(model), inputs, steps, on, progress=interrupt)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == threads


NEEDED = {
    "module": ("safetensors",),
    "onnx": ("onnx", "onnxruntime"),
    "snntorch": ("snntorch",),
}


@pytest.mark.parametrize("on", NEEDED)
def test_other_simulators_count_the_same_but_for_membranes(on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in NEEDED[on]:
        require(module)
    monkeypatch.setattr(batches, "BATCH_BYTES", 24 * 4 * (2 + 4 + 4) * 36 * 3)  # three samples
    model = NETWORKS["chain"]
    inputs, steps = shown(model)
    wiring = wire(model)
    found = count(model, wiring, inputs, steps, on)
    assert_same(found, count(model, wiring, inputs, steps), membranes=False)
    assert not found.saw_membranes
    assert set(found.columns) == {c for c in by_hand(model, inputs, steps) if c[0] is not Quantity.UPDATES}


@pytest.mark.parametrize("name", ["delays", "bias_input"])
def test_real_lava_counts_the_same_but_for_membranes(name: str) -> None:
    require_lava()
    model = FIXED[name]
    inputs = fixed_networks.sample(model.network, batch=1)
    machine = RETIME.run(model).model
    streamed, steps = machine_input(machine.network, inputs)
    shown_for = steps if model.network.timesteps else None
    for each, x, t in ((model, inputs, None), (machine, streamed, shown_for)):
        wiring = wire(each)
        assert_same(count(each, wiring, x, t, "lava"), count(each, wiring, x, t), membranes=False)


NOTHING_NEEDED = Requirements()


@dataclass
class Planted:
    """A simulator that shows what it is told to, of the reference's."""

    shows: tuple[str, ...]
    name: str = "planted"
    target: str = ""
    requirements: Requirements = NOTHING_NEEDED
    steps: int | None = None

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        spikes = simulate(model, inputs, timesteps).spikes
        return {name: values[: self.steps] for name, values in spikes.items() if name in self.shows}


def planted(monkeypatch: pytest.MonkeyPatch, simulator: Planted) -> None:
    monkeypatch.setattr(counting, "simulators", lambda: {"planted": simulator})


def test_a_simulator_that_hides_populations_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["chain"]
    inputs, steps = shown(model)
    fix = "choose a simulator that shows every population"
    for simulator, hidden in (
        (Planted(("out",)), "a, b"),
        (Planted(("a", "b", "out"), steps=2), "a, b, out"),
    ):
        planted(monkeypatch, simulator)
        with pytest.raises(CannotRunError) as caught:
            count(model, wire(model), inputs, steps, "planted")
        assert str(caught.value) == f"planted: does not show {hidden}; {fix}"


def test_a_simulator_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["chain"]
    planted(monkeypatch, Planted((), requirements=Requirements(("no_such",), "pip install no-such")))
    with pytest.raises(
        CannotRunError, match=r"^planted: no_such not installed; install with: pip install no-such; "
    ):
        count(model, wire(model), *shown(model), "planted")


def test_unknown_simulators_are_refused_with_those_there_are() -> None:
    model = NETWORKS["chain"]
    with pytest.raises(UnknownPartError, match=r"^simulator lohi: unknown; use one of: reference, "):
        count(model, wire(model), *shown(model), "lohi")


@pytest.mark.parametrize("on", ["loihi", "lava"])
def test_networks_in_floating_point_are_not_run_in_fixed_point(on: str) -> None:
    model = NETWORKS["chain"]
    with pytest.raises(CannotRunError) as caught:
        count(model, wire(model), *shown(model), on)
    what = "runs networks in fixed point, this one is in floating point"
    assert str(caught.value) == f"{on}: {what}; quantise the network, or choose another simulator"


def test_networks_in_fixed_point_are_not_run_in_floating_point() -> None:
    model = FIXED["chain"]
    inputs = fixed_networks.sample(model.network)
    with pytest.raises(
        InvalidNetworkError, match=r"^network: is in fixed point, the PyTorch executor is not"
    ):
        count(model, wire(model), inputs, None, "pytorch")


@pytest.mark.parametrize("on", [None, "reference"])
@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (np.zeros((0, 2, 6, 6)), "input: holds no samples or steps; give at least one, shape [B,2,6,6]"),
        (np.zeros((2, 2, 6, 5)), "input: shape [2, 2, 6, 5] does not fit the static source"),
        (np.full((2, 2, 6, 6), np.nan), "input: holds values that are not finite; remove NaN and infinity"),
        (np.full((2, 2, 6, 6), "a"), "input: dtype <U1 is not numeric; save it as float32 or uint8"),
    ],
    ids=["no samples", "another shape", "NaN", "text"],
)
def test_inputs_that_do_not_fit_are_refused(inputs: NDArray[Any], told: str, on: str | None) -> None:
    model = NETWORKS["chain"]
    with pytest.raises(InputError) as caught:
        count(model, wire(model), inputs, 4, on)
    assert str(caught.value).startswith(told)


def test_a_static_frame_needs_a_number_of_steps() -> None:
    model = NETWORKS["skip"]
    with pytest.raises(
        InputError, match=r"^input: a static frame needs a number of time steps; give timesteps"
    ):
        count(model, wire(model), shown(model)[0])
