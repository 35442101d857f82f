"""How the source reaches a fixed-point network: graded messages, a host's biases, calibration data."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from msc.compiler.contracts import CompileError
from msc.compiler.fixed.model import fixed_model
from msc.compiler.fixed.scales import choose_scales
from msc.compiler.initialise import draw_input
from msc.compiler.passes.quantise import PASS
from msc.ir.network import Model, Network
from msc.ir.neurons import LIF, CubaLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Quantise, Scale
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import simulate
from tests.fixed_rules import out_of_range
from tests.networks import ANALOG, PIXELS, conv, edge, net

AS_BIAS = {"input": "bias"}


def drawn(network: Network, seed: int = 0, spread: float = 0.3) -> Model:
    """Gaussian weights, biases that fire."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.uniform(0.1, 0.3, shape) if name.endswith("bias") else rng.normal(0.05, spread, shape))
        for name, shape in weight_shapes(network).items()
    }
    return Model(network, {name: array.astype(np.float32) for name, array in weights.items()})


def still(**neurons: LIF | CubaLIF) -> Network:
    """A still frame into one population, from there to the output."""
    given = neurons or {"a": LIF()}
    return net(
        PIXELS,
        {**given, "out": LIF()},
        *(edge("input", name, conv(3)) for name in given),
        *(edge(name, "out", Flatten(), Linear(4)) for name in given),
        timesteps=6,
    )


def images(count: int, scale: float = 1.0) -> np.ndarray:
    """Smooth frames of any values up to `scale`."""
    noise = np.random.default_rng(3).uniform(-0.03, 0.03, (count, *PIXELS.shape))
    return (scale * np.clip(draw_input(PIXELS, 1, count, 1) + noise, 0, 1)).astype(np.float32)


def test_values_become_messages_of_at_most_eight_bits() -> None:
    """Without data, inputs lie in [0, 1]; with data, the largest magnitude is the full scale."""
    model = drawn(still())
    first = fixed_model(model).network.into("a")[0].ops[0]
    assert isinstance(first, Quantise)
    assert first.scale == first.limit
    assert first.limit in (127, 64, 32)
    frames = -4 * images(5)
    scaled = fixed_model(model, {"calibrate": frames}).network.into("a")[0].ops[0]
    assert isinstance(scaled, Quantise)
    assert scaled.scale == pytest.approx(scaled.limit / np.abs(frames).max())


def test_alone_with_few_weights_messages_have_all_eight_bits() -> None:
    model = drawn(net(Source((3,)), {"out": LIF()}, edge("input", "out", Linear(4)), timesteps=2))
    assert fixed_model(model).network.projections[0].ops[0] == Quantise(127.0, 127)


@pytest.mark.parametrize("inputs", [60, 2000])
def test_many_weights_get_shorter_messages_rather_than_no_weights(inputs: int) -> None:
    """127 times a sum of 2000 weights would leave each weight about 1 before the current wraps."""
    model = drawn(net(Source((inputs,)), {"out": LIF()}, edge("input", "out", Linear(4)), timesteps=2))
    made = fixed_model(model)
    sent = made.network.projections[0].ops[0]
    assert isinstance(sent, Quantise)
    assert sent.limit == (64 if inputs == 60 else 8)
    assert np.abs(made.weights["input>out/1/weight"]).mean() > 3
    assert not list(out_of_range(made))


def test_messages_beside_spikes_share_the_bits_with_their_weights() -> None:
    """Eight bits of message would leave the weights of the source a 127th of those of spikes: nothing."""
    network = still()
    network = network.with_projections((*network.projections, edge("a", "a", conv(3, 1), delay=1)))
    made = fixed_model(drawn(network))
    sent = made.network.into("a")[0].ops[0]
    assert isinstance(sent, Quantise)
    assert sent.limit in (32, 16, 8)
    largest = np.abs(made.weights["input>a/1/weight"]).max()
    assert 8 <= largest <= 64
    assert PASS.run(drawn(network)).errors["share_of_differing_spikes"] < 0.05


def test_a_host_computes_the_current_in_integers_and_adds_it_to_biases() -> None:
    model = drawn(still())
    made = fixed_model(model, AS_BIAS)
    pixels, kernel, back, step = made.network.into("a")[0].ops
    assert pixels == Quantise(2.0**14, 2**14)
    assert kernel == conv(3)
    assert isinstance(back, Quantise)
    assert isinstance(step, Scale)
    assert log2(back.scale) % 1 == 0
    assert log2(64 * step.factor) in range(8)
    weight = made.weights["input>a/1/weight"]
    assert 16384 <= np.abs(weight).max() <= 32767
    used = np.abs(made.weights["a/bias"]).max() / (64 * step.factor)
    assert back.limit + used == 4095


def test_the_host_is_as_exact_as_its_mantissa() -> None:
    """What arrives at the membrane, beside the bias, against the float current: half a step of the bias."""
    model = drawn(still())
    made, scales = fixed_model(model, AS_BIAS), choose_scales(model, AS_BIAS)
    frames = images(6)
    quiet = {"a/bias": 0 * made.weights["a/bias"], "a/threshold": np.full(3, 131071, np.float32)}
    silent = Model(made.network, {**made.weights, **quiet})
    found = simulate(silent, frames, 1, membranes=True).membranes["a"][0]
    source, population, out = model.network.populations
    populations = (source, replace(population, neuron=LIF(v_threshold=1e6)), out)
    alone = replace(model.network, populations=populations)
    unbiased = Model(alone, {**model.weights, "a/bias": 0 * model.weights["a/bias"]})
    wanted = simulate(unbiased, frames, 1, membranes=True).membranes["a"][0]
    scale = scales.membrane(model.network.population("a")).reshape(-1, 1, 1)
    step = 64 * made.network.into("a")[0].ops[-1].factor  # type: ignore[union-attr]
    assert step >= 8
    assert (found % step == 0).all()
    assert np.abs(found - scale * wanted).max() <= 0.6 * step


def test_parallel_currents_of_the_host_share_the_mantissa() -> None:
    network = still()
    other = edge("input", "a", Conv2d(3, (3, 3), padding=(2, 2), dilation=(2, 2)), number=2)
    made = fixed_model(drawn(network.with_projections((*network.projections, other))), AS_BIAS)
    assert not list(out_of_range(made))
    limits = [p.ops[-2].limit for p in made.network.into("a")]  # type: ignore[union-attr]
    assert min(limits) > 800


def test_both_ways_come_close_to_the_float_network() -> None:
    model, frames = drawn(still()), images(40)
    for options in ({}, AS_BIAS):
        errors = PASS.run(model, {**options, "calibrate": frames}).errors
        assert errors["share_of_differing_spikes"] < 0.01
        assert errors["largest_rate_difference"] < 0.005


def test_steps_and_delays_can_be_graded_but_are_no_bias() -> None:
    model = drawn(
        net(
            ANALOG,
            {"a": LIF(), "out": LIF()},
            edge("input", "a", conv(3)),
            edge("input", "out", conv(3), delay=2),
            edge("a", "out", conv(3)),
        )
    )
    assert [p.delay for p in fixed_model(model).network.projections] == [0, 2, 0]
    with pytest.raises(CompileError) as caught:
        PASS.run(model, AS_BIAS)
    assert str(caught.value).splitlines() == [
        "population input: brings a new frame each step, a bias is the same at every step; "
        "--option input=graded",
        "projection input>out: delays the input by 2 steps, a bias acts from the first; "
        "--option input=graded, or train it without the delay",
    ]
    with pytest.raises(CompileError) as caught:
        PASS.run(model, {"profile": "loihi1"})
    assert str(caught.value) == ("population input: graded spikes need Loihi 2; give the network events")


def test_graded_spikes_need_loihi_2_and_events_do_not() -> None:
    with pytest.raises(CompileError) as caught:
        PASS.run(drawn(still()), {"profile": "loihi1", "input": "graded"})
    assert str(caught.value) == "population input: graded spikes need Loihi 2; --option input=bias"
    PASS.run(drawn(still()), {"profile": "loihi1", "input": "bias"})
    events = replace(PIXELS, kind=InputKind.EVENTS)
    spiking = drawn(net(events, {"out": LIF()}, edge("input", "out", conv(3))))
    made = PASS.run(spiking, {"profile": "loihi1", "input": "bias"}).model
    assert made.network.projections[0].ops == (conv(3),)


def test_a_population_that_keeps_its_current_takes_no_bias_from_the_host() -> None:
    network = still(a=LIF(), c=CubaLIF(), d=CubaLIF(tau_syn=1.0))
    populations = tuple(replace(p, bias=not isinstance(p.neuron, CubaLIF)) for p in network.populations)
    with pytest.raises(CompileError) as caught:
        PASS.run(drawn(replace(network, populations=populations)), AS_BIAS)
    assert str(caught.value) == (
        "projection input>c: feeds the synaptic current of c, a bias goes past it; --option input=graded"
    )


def test_a_current_of_the_host_that_biases_leave_no_room_is_refused() -> None:
    model = drawn(still())
    weights = {**model.weights, "input>a/0/weight": 1e-7 * model.weights["input>a/0/weight"]}
    with pytest.raises(CompileError, match=r"projection input>a: .* its current would become 0, the"):
        PASS.run(Model(model.network, weights), AS_BIAS)
    silent = {**model.weights, "input>a/0/weight": 0 * model.weights["input>a/0/weight"]}
    assert not list(out_of_range(PASS.run(Model(model.network, silent), AS_BIAS).model))


def test_calibration_data_of_another_shape_are_refused() -> None:
    with pytest.raises(CompileError) as caught:
        PASS.run(drawn(still()), {"calibrate": np.zeros((4, 2, 5, 5), np.float32)})
    assert str(caught.value) == (
        "option calibrate, input: shape [4, 2, 5, 5] does not fit the static source; "
        "give an array of shape [B,2,6,6]"
    )


def test_calibration_data_are_measured_on_and_named() -> None:
    model = drawn(still())
    frames = images(30, scale=2.5)
    result = PASS.run(model, {"calibrate": frames})
    assert "(largest |x| 2.5, in the calibration data)" in result.changes[0]
    assert result.changes[-1] == "spike differences measured on 30 of 30 calibration samples, 6 steps"
    expected = simulate(model, frames, 6).outputs != simulate(result.model, frames, 6).outputs
    assert result.errors["share_of_differing_output_spikes"] == pytest.approx(expected.mean())
    black = PASS.run(model, {"calibrate": np.zeros((3, *PIXELS.shape), np.float32)})
    assert "(largest |x| 1, in" in black.changes[0]
