"""ONNX Runtime shows the reference's spikes in every population and mode, for all that the IR can say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from msc.ir.network import Model, Network
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Flatten, Linear, Scale, SumPool2d
from msc.ir.simulate import simulate
from tests.backends.onnx.running import ALL, MODES, assert_exact, file_of, is_static, run_file
from tests.conformance.random_networks import STEPS, draw, random_model
from tests.dyadic import dyadic, is_alive, sample_input
from tests.networks import ANALOG, EVENTS, INHIBITORY, NETWORKS, PIXELS, conv, edge, net
from tests.strategies import models

LAST = edge("b", "out", Flatten(), Linear(5))

OTHERS: dict[str, Network] = {
    "one_axis": net(
        Source((2, 12), InputKind.EVENTS),
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", Conv1d(4, 3, padding=1)),
        edge("a", "b", Conv1d(6, 5, stride=2, padding=4, dilation=2, groups=2)),
        edge("b", "b", Conv1d(6, 1), sign=INHIBITORY, delay=1),
        LAST,
    ),
    "padded_pools": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "c": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", AvgPool2d((4, 2), (2, 1), (1, 1))),
        edge("b", "c", SumPool2d((3, 2), (1, 2), (1, 0)), Scale(0.25)),
        edge("c", "out", Flatten(), Linear(5)),
    ),
    "late_frame": net(
        PIXELS,
        {"a": LIF(), "b": IF(), "out": LIF()},
        edge("input", "a", conv(4), delay=2),
        edge("input", "a", conv(4, 1), number=2),
        edge("input", "b", conv(4), delay=1),
        edge("a", "b", conv(4), delay=9),
        edge("a", "out", Flatten(), Linear(5)),
        LAST,
        edge("input", "out", Flatten(), Linear(5), delay=3),
    ),
    "late_frame_alone": net(
        PIXELS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", conv(4), delay=2),
        edge("a", "b", conv(4)),
        edge("b", "a", conv(4), delay=1),
        LAST,
    ),
    "no_map_with_weights": net(
        EVENTS,
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a"),
        edge("a", "b", Scale(0.5)),
        edge("b", "b", delay=2),
        edge("b", "out", Flatten()),
    ),
    "membranes_feed_on": net(
        ANALOG,
        {"a": LI(), "b": LI(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "b", SumPool2d((6, 6), (6, 6)), Flatten(), Linear(4)),
        edge("b", "b", Linear(4), delay=1),
        edge("a", "out", Flatten(), Linear(5)),
        edge("b", "out", Linear(5), delay=1),
    ),
    "names_of_the_file": net(
        PIXELS,
        {"a": LIF(), "a.bias": LIF(), "a.membrane": LIF(), "sizes.B": LIF(), "out": LIF()},
        edge("input", "a", conv(4)),
        edge("a", "a.bias", conv(4)),
        edge("a.bias", "a.membrane", conv(4), delay=1),
        edge("a.membrane", "a", conv(4), delay=1),
        edge("a", "sizes.B", conv(4)),
        edge("sizes.B", "out", Flatten(), Linear(5)),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_fixture_shows_every_spike(name: str) -> None:
    outputs = assert_exact(NETWORKS[name]).outputs
    assert is_alive(outputs) if name != "membrane" else np.ptp(outputs) > 1


@pytest.mark.parametrize("name", OTHERS)
def test_so_does_what_the_fixtures_do_not_have(name: str) -> None:
    assert is_alive(assert_exact(dyadic(OTHERS[name])).outputs)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_with_delays_on_cycles_and_off(seed: int) -> None:
    model = random_model(seed, delays=((1,), (2, 3))[seed % 2])
    assert_exact(model, draw(model, seed), STEPS if is_static(model) else None)


@settings(max_examples=12)
@given(models())
def test_drawn_networks(model: Model) -> None:
    assert_exact(model)


@pytest.mark.parametrize("name", ["chain", "loop", "analog", "delayed_chain", "late_frame"])
@pytest.mark.parametrize("mode", MODES)
def test_one_file_takes_any_batch_size_and_any_number_of_steps(name: str, mode: str) -> None:
    """Fewer steps than the longest delay among them."""
    model = NETWORKS[name] if name in NETWORKS else dyadic(OTHERS[name])
    file = file_of(model, **MODES[mode], **ALL)
    frames = sample_input(model.network, batch=4)
    for batch, steps in ((1, 1), (4, 2), (2, 4)):
        inputs = frames[:batch] if is_static(model) else frames[:steps, :batch]
        shown = steps if is_static(model) else None
        found = run_file(file, model, inputs, shown)
        for population, spikes in simulate(model, inputs, shown).spikes.items():
            assert found[population].shape[:2] == (steps, batch)
            np.testing.assert_array_equal(found[population], spikes, err_msg=f"{batch} {steps}")


@pytest.mark.parametrize("name", ["chain", "parallel", "analog"])
def test_large_populations_step_one_sample_after_another(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nested Scans of large populations, on small ones."""
    files = {file_of(NETWORKS[name], **ALL)}
    monkeypatch.setattr("msc.backends.onnx.sequence.LARGE", 1)
    files.add(file_of(NETWORKS[name], **ALL))
    assert len(files) == 2
    assert_exact(NETWORKS[name])


def test_a_cycle_of_large_populations_steps_all_samples_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = file_of(NETWORKS["loop"], **ALL)
    monkeypatch.setattr("msc.backends.onnx.sequence.LARGE", 1)
    assert file_of(NETWORKS["loop"], **ALL) == before
    assert_exact(NETWORKS["loop"])


@pytest.mark.parametrize("mode", MODES)
def test_event_counts_are_clipped_in_the_file(mode: str) -> None:
    import onnxruntime

    model = dyadic(net(EVENTS, {"out": LIF()}, edge("input", "out", conv(4))))
    session = onnxruntime.InferenceSession(file_of(model, **MODES[mode]))
    events = sample_input(model.network)[:1]
    frames = events[0] if mode == "step" else events
    states = {i.name: np.zeros((3, *i.shape[1:]), np.float32) for i in session.get_inputs()[1:]}
    once, thrice = (session.run(["output"], {"input": frames * n, **states})[0] for n in (1, 3))
    assert once.any()
    np.testing.assert_array_equal(once, thrice)


def test_neurons_of_any_parameters_are_the_references_up_to_rounding() -> None:
    """Leaks, gains and resets of every kind, time constants that float32 does not hold: 600 steps each."""
    kinds = (
        LIF(),
        LIF(tau=2.7, r=0.6, v_threshold=0.4, v_reset=-0.3, v_leak=0.1),
        LIF(tau=300.0, r=40.0, v_leak=0.2),
        LIF(tau=4 / 3, r=1.0, v_threshold=0.75),
        IF(r=0.3, v_threshold=0.7, v_reset=0.1),
        CubaLIF(tau_syn=3.3, tau_mem=7.1, r=1.7, w_in=0.9, v_threshold=0.2, v_reset=-0.1, v_leak=0.05),
        CubaLIF(tau_syn=2.0, tau_mem=4.0, r=4.0, w_in=2.0, v_threshold=0.3),
        LI(tau=700.0, r=3.0, v_leak=-0.4),
    )
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0, 1, (600, 2, 6)).astype(np.float32)
    for neuron in kinds:
        network = net(Source((6,), InputKind.ANALOG), {"out": neuron}, edge("input", "out"))
        model = Model(network, {"out/bias": rng.uniform(-0.1, 0.1, 6).astype(np.float32)})
        expected = simulate(model, inputs).outputs
        for mode, options in MODES.items():
            found = run_file(file_of(model, **options), model, inputs, None)["out"]
            if isinstance(neuron, LI):
                np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7, err_msg=mode)
            else:
                assert 0.02 < expected.mean() < 0.98, neuron
                assert (found != expected).mean() < 0.002, (neuron, mode)
