"""Spans of steps are the whole run, spike for spike, and hold no more than they need."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from msc.backends.pytorch import SpikingNetwork
from msc.backends.pytorch.portions import portion
from msc.backends.pytorch.spans import Span, spans
from msc.ir.network import Model, Network
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.simulate import InputError, simulate
from tests import networks as shared
from tests.dyadic import dyadic, sample_input, steps_of
from tests.networks import ANALOG, EVENTS, PIXELS, conv, edge, net
from tests.strategies import models


def executor(model: Model) -> SpikingNetwork:
    module = SpikingNetwork(model.network).eval()
    module.load_weights(model.weights)
    return module


def steps_given(network: Network) -> int | None:
    source = network.source.neuron
    assert isinstance(source, Source)
    return steps_of(network) if source.kind is InputKind.STATIC else None


def joined(found: list[Span]) -> dict[str, torch.Tensor]:
    """Put the spans of each population together, in which they must follow one another."""
    values: dict[str, list[torch.Tensor]] = {}
    seen: dict[str, int] = {}
    for span in found:
        assert span.first == seen.get(span.population, 0)
        seen[span.population] = span.first + span.steps
        values.setdefault(span.population, []).append(span.values)
    return {name: torch.cat(parts) for name, parts in values.items()}


def changed(found: list[Span]) -> dict[str, NDArray[np.int64]]:
    counts: dict[str, NDArray[np.int64]] = {}
    for span in found:
        if span.changed is not None:
            counts[span.population] = counts.get(span.population, 0) + span.changed.numpy()
    return counts


def membrane_updates(model: Model, inputs: NDArray[Any], steps: int | None) -> dict[str, NDArray[np.int64]]:
    """Count in the reference's membranes, after their resets; at the first step every neuron."""
    trace = simulate(model, inputs, steps, membranes=True)
    counts = {}
    for name, membranes in trace.membranes.items():
        neuron = model.network.population(name).neuron
        after = membranes
        if isinstance(neuron, LIF | IF | CubaLIF):
            after = np.where(trace.spikes[name] > 0, neuron.v_reset, membranes)
        axes = tuple(range(2, after.ndim))
        counts[name] = (after[1:] != after[:-1]).sum(axis=(0, *axes)) + int(np.prod(after.shape[2:]))
    return counts


def assert_as_a_whole(model: Model, lengths: list[int], batch: int = 3) -> None:
    """Compare spans of all lengths with the whole run and the reference."""
    inputs, steps = sample_input(model.network, 1, batch), steps_given(model.network)
    module, counts = executor(model), membrane_updates(model, inputs, steps)
    with torch.no_grad():
        whole = module.record(torch.from_numpy(inputs), steps)
    for length in lengths:
        found = list(spans(module, inputs, steps, length, updates=True))
        values = joined(found)
        assert set(values) == {p.name for p in model.network.populations}
        assert all(torch.equal(values[name], expected) for name, expected in whole.items()), length
        by_population = changed(found)
        assert set(by_population) == set(counts)
        for name, expected in counts.items():
            np.testing.assert_array_equal(by_population[name], expected, name)


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_spans_of_any_length_are_the_whole_run_on_every_fixture(name: str) -> None:
    assert_as_a_whole(shared.NETWORKS[name], [1, 2, 3, 5, 6, 100])


@settings(max_examples=40, deadline=None)
@given(models(), st.integers(1, 4))
def test_spans_of_any_length_are_the_whole_run_on_any_network(model: Model, length: int) -> None:
    assert_as_a_whole(model, [length])


FAR: dict[str, Network] = {
    "static frames come late": net(
        PIXELS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(4), delay=3),
        edge("input", "out", conv(4, 1)),
        edge("input", "out", conv(4), delay=7, number=2),
        edge("a", "out", conv(4), delay=5),
        timesteps=12,
    ),
    "frames come late": net(
        ANALOG,
        {"a": LIF(), "out": LI()},
        edge("input", "a", conv(4)),
        edge("input", "out", Flatten(), Linear(3), delay=4),
        edge("a", "out", Flatten(), Linear(3), delay=2),
    ),
    "a cycle looks far back": net(
        EVENTS,
        {"a": CubaLIF(), "b": IF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("input", "b", conv(4), delay=2),
        edge("a", "b", conv(4), delay=1),
        edge("b", "a", conv(4), delay=5),
        edge("a", "a", conv(4, 1), delay=4),
        edge("b", "out", Flatten(), Linear(5), delay=3),
        edge("b", "out", Flatten(), Linear(5), number=2),
    ),
    "later than the end": net(
        EVENTS,
        {"a": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "out", Flatten(), Linear(5)),
        edge("a", "out", Flatten(), Linear(5), delay=9, number=2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_delays_reach_over_several_spans(name: str) -> None:
    assert_as_a_whole(dyadic(FAR[name]), [1, 2, 3, 4, 5])


@pytest.mark.parametrize("name", shared.NORMED)
def test_norms_are_those_of_the_whole_run(name: str) -> None:
    """In float64, so that the order of summation, another for other numbers of rows, matters to no spike."""
    model = shared.NORMED[name]
    inputs, steps = sample_input(model.network, 1, 4), steps_given(model.network)
    module = executor(model).double()
    with torch.no_grad():
        whole = module.record(torch.from_numpy(inputs), steps)
    for length in (1, 2, 4):
        values = joined(list(spans(module, inputs, steps, length)))
        assert all(torch.equal(values[name], expected) for name, expected in whole.items())


def test_what_a_static_frame_feeds_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from msc.backends.pytorch import network as executing

    seen: list[str] = []
    apply_ops = executing.apply_ops
    monkeypatch.setattr(
        executing, "apply_ops", lambda p, weights, x: (seen.append(p.name), apply_ops(p, weights, x))[1]
    )
    model = shared.NETWORKS["skip"]
    list(spans(executor(model), sample_input(model.network), 6, 2))
    assert [seen.count(name) for name in ("input>a", "input>out", "a>b")] == [1, 1, 3]


def test_a_static_frame_is_shown_once_for_all_steps_of_a_span() -> None:
    model = shared.NETWORKS["chain"]
    found = list(spans(executor(model), sample_input(model.network), 5, 3))
    shown = [(s.first, s.steps, len(s.values)) for s in found if s.population == "input"]
    assert shown == [(0, 3, 1), (3, 2, 1)]
    assert all(span.changed is None for span in found), "nobody asked"


def test_event_counts_are_clipped() -> None:
    model = shared.NETWORKS["dense"]
    inputs = 3 * sample_input(model.network)
    (first, *_) = spans(executor(model), inputs, None, 2)
    assert first.population == "input"
    assert set(first.values.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("name", ["chain", "dense", "delays", "delayed_chain", "cuba"])
def test_memory_does_not_grow_with_the_steps(name: str) -> None:
    """What is alive of all that was emitted is as much after forty spans as after ten."""
    network = replace(shared.STRUCTURES[name], timesteps=120)
    model = Model(network, shared.NETWORKS[name].weights)
    inputs = sample_input(network)
    steps = steps_given(network)
    alive: set[weakref.ref[torch.Tensor]] = set()
    held: dict[int, int] = {}
    for span in spans(executor(model), inputs, steps, 3):
        alive.add(weakref.ref(span.values))
        first = span.first
        del span
        alive = {ref for ref in alive if ref() is not None}
        held[first] = sum(value.numel() for ref in alive if (value := ref()) is not None)
    assert held[117] <= held[30]


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.float64, np.int64, np.float16])
def test_inputs_of_any_number_type_are_converted(kind: type[np.generic]) -> None:
    model = shared.NETWORKS["dense"]
    inputs = sample_input(model.network)
    expected = joined(list(spans(executor(model), inputs, None, 4)))
    given = inputs.astype(kind)
    given.flags.writeable = False
    found = joined(list(spans(executor(model), given[:, ::-1], None, 4)))
    assert all(torch.equal(found[name].flip(1), values) for name, values in expected.items())


def wrong(place: tuple[int, ...], value: float) -> NDArray[np.float32]:
    inputs = np.ones((6, 2, 12), np.float32)
    inputs[place] = value
    return inputs


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (wrong((5, 1, 3), np.nan), "input: holds values that are not finite; remove NaN and infinity"),
        (wrong((0, 0, 0), np.inf), "input: holds values that are not finite; remove NaN and infinity"),
        (np.full((6, 2, 12), 1e300), "input: holds values that are not finite; remove NaN and infinity"),
        (wrong((5, 1, 3), 0.5), "input: holds values that are no event counts; give integers >= 0"),
        (np.full((6, 2, 12), "a"), "input: dtype <U1 is not numeric; save it as float32 or uint8"),
        (np.ones((6, 2, 11)), "input: shape [6, 2, 11] does not fit the events source"),
    ],
    ids=["NaN at the end", "infinity", "too large", "no event", "text", "shape"],
)
def test_inputs_that_do_not_fit_are_refused(inputs: NDArray[Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        list(spans(executor(shared.NETWORKS["dense"]), inputs, None, 2))
    assert str(caught.value).startswith(told)


def test_finite_values_whose_sum_is_not_are_shown() -> None:
    model = shared.NETWORKS["if"]
    inputs = np.full((3, 2, 6, 6), 2e38, np.float32)
    assert len(list(spans(executor(model), inputs, 2, 2))) == 3


def test_the_callers_mode_is_its_own() -> None:
    """Inference mode holds while a span is computed, not while the caller looks at it, or leaves."""
    model = shared.NETWORKS["loop"]
    module = executor(model)
    running = spans(module, sample_input(model.network), None, 2)
    next(running)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    running.close()
    module.train()
    with pytest.raises(AssertionError, match="spans are of networks in evaluation"):
        next(spans(module, sample_input(model.network), None, 2))


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_portions_are_bounded_and_never_empty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from msc.backends.pytorch import portions

    network = shared.NETWORKS[name].network
    samples, steps = portion(network, 1000)
    assert steps == 250, "four spans of one length, each of no more than 255 steps"
    assert samples * steps > 250 * 16
    monkeypatch.setattr(portions, "PORTION_BYTES", 1 << 16)
    fewer, shorter = portion(network, 1000)
    assert 1 <= fewer * shorter < samples * steps
    monkeypatch.setattr(portions, "PORTION_BYTES", 1)
    assert portion(network, 1000) == (1, 1)
