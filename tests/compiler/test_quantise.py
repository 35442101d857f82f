"""Quantising: the scale of every channel, what it makes of weights, thresholds and biases, what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.compiler.contracts import CompileError, Options
from msc.compiler.fixed import measuring
from msc.compiler.fixed.head_room import head_room_used
from msc.compiler.fixed.levels import shared_levels
from msc.compiler.fixed.model import fixed_model
from msc.compiler.fixed.scales import choose_scales
from msc.compiler.fixed.weights import rounded_weights
from msc.compiler.passes.quantise import PASS
from msc.ir.graph import live_populations
from msc.ir.network import Model, Sign
from msc.ir.neurons import IF, LIF, CubaLIF, FixedLIF, InputKind
from msc.ir.simulate import simulate
from msc.ir.verify import verify_model
from tests.compiler.dense import always, dense
from tests.compiler.test_passes import PASSES, established, refusal
from tests.dyadic import run, sample_input
from tests.fixed_networks import FIXED
from tests.fixed_rules import largest_current, out_of_range, weight_key
from tests.networks import NETWORKS, NORMED
from tests.strategies import models

HELD = {
    name: established(PASS, model)
    for name, model in {**NETWORKS, **NORMED}.items()
    if refusal(PASSES["quantise"], name) is None
}
SPIKING_INPUT = [n for n in NETWORKS if n in HELD and HELD[n].network.source.neuron.kind is InputKind.EVENTS]  # type: ignore[union-attr]
WAYS: dict[str, Options] = {
    "defaults": {},
    "one threshold": {"thresholds": "population"},
    "bias": {"input": "bias", "profile": "loihi1"},
    "coarse": {"biases": "coarse"},
}


def attempt(model: Model, options: Options) -> Model | CompileError:
    """Quantise, or say why not."""
    try:
        return fixed_model(model, options)
    except CompileError as error:
        return error


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HELD)
def test_every_integer_is_in_range_and_no_input_reaches_the_wrap(name: str, way: str) -> None:
    """Whatever is not refused; head-room is found by brute force, neuron by neuron."""
    made = attempt(HELD[name], WAYS[way])
    if isinstance(made, CompileError):
        assert way == "bias"
        assert "a bias " in str(made)
        return
    verify_model(made)
    assert not list(out_of_range(made))
    for population in made.network.populations:
        if not population.is_source:
            bound = float(head_room_used(population, made).max()) * 2**23
            assert largest_current(population, made) <= bound + 1
    assert [p.delay for p in made.network.projections] == [p.delay for p in HELD[name].network.projections]
    assert [p.sign for p in made.network.projections] == [p.sign for p in HELD[name].network.projections]


@settings(max_examples=40, deadline=None)
@given(model=models(), way=st.sampled_from(sorted(WAYS)))
def test_random_networks_are_held_or_refused_by_name(model: Model, way: str) -> None:
    if not live_populations(model.network):
        return
    before = established(PASS, model)
    made = attempt(before, WAYS[way])
    if isinstance(made, CompileError):
        known = ("(LI)", "in its synaptic current", "a bias acts", "a bias is the same", "a bias goes past")
        assert all(any(text in problem.what for text in known) for problem in made.problems)
        return
    verify_model(made)
    assert not list(out_of_range(made))
    assert PASS.run(before, WAYS[way]).errors["largest_rate_difference"] < 0.1


@pytest.mark.parametrize(
    ("neuron", "fixed", "gain"),
    [
        (LIF(tau=2.0, r=2.0, v_threshold=0.5), FixedLIF(4095, 2048), 1.0),
        (LIF(tau=1.5, r=3.0, v_threshold=0.75), FixedLIF(4095, 2731), 2.0),
        (LIF(tau=1.0, r=1.0), FixedLIF(4095, 4095), 1.0),
        (IF(r=0.5), FixedLIF(4095, 0), 0.5),
        (CubaLIF(tau_syn=4.0, tau_mem=2.0, r=1.0, w_in=1.0), FixedLIF(1023, 2048), 0.125),
    ],
)
def test_a_channel_takes_the_greatest_scale_that_its_weights_leave(neuron, fixed, gain) -> None:
    """threshold_c / v_threshold = scale exactly; rint(w gain scale) with the largest weight at its limit."""
    weights = [[0.37, 0.1, -0.3], [0.11, -0.06, 0.02], [0.9, 0.4, 0.31]]
    model = dense(neuron, weights)
    made, scales = fixed_model(model), choose_scales(model)
    assert made.network.population("out").neuron == fixed
    threshold = scales.threshold["out"]
    largest = [254 / 0.37, 254 / 0.11, 254 / 0.9]
    assert threshold.tolist() == [int(most * neuron.v_threshold / gain) for most in largest]
    assert scales.unit["out"] == pytest.approx(neuron.v_threshold / (gain * threshold))
    unit = scales.unit["out"][:, None]
    integers = made.weights["input>out/0/weight"]
    expected = 2 * np.rint(np.array(weights, np.float32) / (2 * unit))
    assert integers.tolist() == expected.tolist()
    assert scales.decided["out"] == ("weights of input>out",) * 3


def test_all_projections_into_a_channel_share_its_scale() -> None:
    model = dense(LIF(), [[0.5, 0.25]], recurrent=[[-1.0]])
    made, scales = fixed_model(model), choose_scales(model)
    assert scales.decided["out"] == ("weights of out>out",)
    assert scales.exact["out"]
    ratio = made.weights["out>out/0/weight"][0, 0] / made.weights["input>out/0/weight"]
    assert ratio.tolist() == [[-2, -4]]


def test_ranges_follow_the_signs_that_weights_have() -> None:
    unit = np.full(1, 0.01)
    assert rounded_weights(np.array([[2.55, 0.014]]), unit).tolist() == [[255, 1]]
    assert rounded_weights(np.array([[-2.55, -0.016]]), unit).tolist() == [[-255, -2]]
    assert rounded_weights(np.array([[2.55, -2.56, 0.011, 0.03]]), unit).tolist() == [[254, -256, 2, 4]]
    assert rounded_weights(np.array([[9.0, -9.0]]), unit).tolist() == [[254, -256]]
    assert rounded_weights(np.array([[-2.56, 0.001]]), unit).tolist() == [[-255, 0]]


def test_at_most_sixteen_thresholds_geometrically_spaced() -> None:
    limits = np.geomspace(100.5, 90_000.5, 60)
    levels = shared_levels(limits, 16, None)
    assert len(np.unique(levels)) == 16
    assert (levels <= limits).all()
    assert (limits / levels < (90_000 / 100) ** (1 / 15) * 1.01).all()
    assert shared_levels(limits[:16], 16, None).tolist() == np.floor(limits[:16]).tolist()
    assert set(shared_levels(limits, 1, None)) == {100}
    assert all(level % 24 == 0 for level in shared_levels(limits, 16, 24))
    assert set(shared_levels(limits, 1, 101)) == {100}


def test_a_population_has_few_thresholds_or_one() -> None:
    rng = np.random.default_rng(0)
    model = dense(LIF(), rng.normal(size=(40, 30)) * np.geomspace(0.1, 10, 40)[:, None])
    made = fixed_model(model)
    assert 10 < len(np.unique(made.weights["out/threshold"])) <= 16
    shared = fixed_model(model, {"thresholds": "population"})
    assert len(np.unique(shared.weights["out/threshold"])) == 1
    assert 200 < np.abs(shared.weights["input>out/0/weight"]).max() <= 256


def test_a_channel_that_hardly_has_weights_does_not_spread_the_thresholds() -> None:
    rng = np.random.default_rng(0)
    sizes = np.ones(40)
    sizes[3] = 1e-6
    made = fixed_model(dense(LIF(), rng.normal(size=(40, 30)) * sizes[:, None]))
    largest = np.abs(made.weights["input>out/0/weight"]).max(axis=1)
    assert (np.delete(largest, 3) > 180).all()


@pytest.mark.parametrize("name", SPIKING_INPUT)
def test_weights_on_a_grid_stay_exact_and_hardly_a_spike_differs(name: str) -> None:
    """Dyadic weights, events: only the membrane is rounded."""
    before = HELD[name]
    made, scales = fixed_model(before), choose_scales(before)
    assert all(scales.exact.values())
    for projection in before.network.projections:
        integers = made.weights[weight_key(projection)]
        unit = scales.unit_into(projection).reshape(-1, *([1] * (integers.ndim - 1)))
        assert np.allclose(integers * unit, before.weights[weight_key(projection)], rtol=1e-12, atol=0)
    x = sample_input(before.network, 5, batch=20)
    expected, found = run(before, x).spikes, run(made, x).spikes
    differing = sum(np.count_nonzero(expected[key] != found[key]) for key in expected)
    assert differing <= 5e-4 * sum(spikes.size for spikes in expected.values())


@pytest.mark.parametrize("neuron", [LIF(v_threshold=0.75), IF(v_threshold=0.75), LIF(1.0, 1.0, 0.75)])
def test_a_membrane_that_just_reaches_its_threshold_fires(neuron: LIF | IF) -> None:
    """By weights alone, and by bias alone; just below it does not."""
    for model in (
        dense(neuron, [[0.5, 0.25, 0.0]]),
        dense(neuron, [[0.25, 0.0, 0.0]], bias=[0.5]),
        dense(neuron, [[0.0, 0.25, 0.0]], bias=[0.375 if isinstance(neuron, IF) else 0.5]),
    ):
        expected = simulate(model, always(model, 4)).outputs
        assert simulate(fixed_model(model), always(model, 4)).outputs.tolist() == expected.tolist()
        assert expected.any()
    quiet = dense(LIF(tau=1.0, r=1.0, v_threshold=0.75), [[0.5, 0.2421875, 0.0]])
    assert not simulate(fixed_model(quiet), always(quiet, 9)).outputs.any()


def test_a_bias_that_takes_the_membrane_to_its_threshold_in_three_steps_does_so() -> None:
    """V = b (1 - 4^-3): what calibration by bisection finds, and rounding would miss half of the time."""
    bias = np.nextafter(np.float32(1 / (1 - 4.0**-3)), np.float32(2)) * np.ones(20)
    weights = np.linspace(0.9, 1.9, 20)[:, None] * [[1.0, -0.5]]
    model = dense(LIF(tau=4 / 3, r=4 / 3, v_threshold=4 / 3), weights, bias=bias)
    silence = np.zeros((3, 1, 2), np.float32)
    assert simulate(model, silence).outputs.sum(axis=(1, 2)).tolist() == [0, 0, 20]
    assert simulate(fixed_model(model), silence).outputs.sum(axis=(1, 2)).tolist() == [0, 0, 20]


def test_a_bias_has_thirteen_bits_and_one_exponent_for_all_channels() -> None:
    model = dense(LIF(), [[0.01, -0.002], [0.01, 0.005]], bias=[0.4, -0.013])
    made, scales = fixed_model(model), choose_scales(model)
    bias = made.weights["out/bias"]
    wanted = scales.membrane(model.network.population("out")) * [0.4, -0.013]
    step = next(2**e for e in range(8) if np.abs(bias).max() <= 4095 * 2**e)
    assert step > 16
    assert (bias % step == 0).all()
    assert (np.abs(bias - wanted) <= step + 1).all()
    large = fixed_model(dense(LIF(), [[0.01, -0.002]], bias=[40.0]))
    assert choose_scales(dense(LIF(), [[0.01, -0.002]], bias=[40.0])).decided["out"] == ("bias",)
    assert large.weights["out/bias"] <= 4095 * 128


@pytest.mark.parametrize("name", HELD)
def test_coarse_biases_are_what_a_net_file_holds(name: str) -> None:
    made = fixed_model(HELD[name], {"biases": "coarse"})
    for key, bias in made.weights.items():
        if key.endswith("/bias"):
            assert (bias % 64 == 0).all()
            assert np.abs(bias).max() <= 4095 * 64


def test_head_room_shrinks_the_scale_where_many_weights_add_up() -> None:
    wide = dense(LIF(), np.full((1, 3000), 0.01))
    made = fixed_model(wide)
    assert choose_scales(wide).decided["out"] == ("head-room",)
    assert 0.9 < head_room_used(made.network.population("out"), made)[0] < 1
    slow = CubaLIF(tau_syn=100.0, tau_mem=2.0, r=1.0, w_in=1.0)
    cuba = dense(slow, np.full((1, 90), 0.1))
    assert choose_scales(cuba).decided["out"] == ("head-room",)
    assert not list(out_of_range(fixed_model(cuba)))


def test_quantising_again_changes_nothing_and_twice_gives_the_same() -> None:
    for name in ("chain", "batch", "scale_delays"):
        first, second = PASS.run(HELD[name]), PASS.run(HELD[name])
        assert (first.changes, first.errors) == (second.changes, second.errors)
        assert all(
            np.array_equal(first.model.weights[k], second.model.weights[k]) for k in first.model.weights
        )
        again = PASS.run(first.model)
        assert again.model is first.model
    for model in FIXED.values():
        assert PASS.run(model).model is model


def test_errors_are_those_of_the_models() -> None:
    before = HELD["batch_parallel"]
    result = PASS.run(before)
    x = measuring.draw_input(before.network.source.neuron, 0, 4, 8)  # type: ignore[arg-type]
    expected, found = simulate(before, x, 8).spikes, simulate(result.model, x, 8).spikes
    size = sum(spikes.size for spikes in expected.values())
    differing = sum(np.count_nonzero(expected[name] != found[name]) for name in expected)
    assert result.errors["share_of_differing_spikes"] == pytest.approx(differing / size)
    shifts = [abs(expected[name].mean() - found[name].mean()) for name in expected]
    assert result.errors["largest_rate_difference"] == pytest.approx(max(shifts))
    output = np.mean(expected["out"] != found["out"])
    assert result.errors["share_of_differing_output_spikes"] == pytest.approx(output)
    assert 0 < result.errors["mean_relative_weight_error"] < 0.03
    assert 0 < result.errors["largest_relative_weight_error"] < 0.01
    assert result.changes[-1] == "spike differences measured on 4 drawn samples, 8 steps"


def test_measuring_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PASS.run(HELD["batch"]).errors
    monkeypatch.setattr(measuring, "_MEMORY", 1)
    assert PASS.run(HELD["batch"]).errors == whole


def test_changes_say_what_each_population_got_and_why_not_more() -> None:
    lines = PASS.run(HELD["batch_pool"]).changes
    assert len(lines) == 5
    assert lines[0].startswith("input>a: graded messages rint(")
    assert lines[0].endswith("(largest |x| 1, assumed, no calibration data)")
    assert lines[2].startswith("b: thresholds ")
    assert "; limited by weights of a>b (4); largest weights a>b 256; biases in steps of" in lines[2]
    assert lines[2].endswith(" % used")
    exact = PASS.run(HELD["loop"]).changes
    assert exact[0].startswith(
        "a: thresholds 512, weights exact; limited by weights of input>a (4); largest "
    )


def test_signs_survive_rounding() -> None:
    before = HELD["scale"]
    made = PASS.run(before).model
    for projection in made.network.projections:
        weight = made.weights[weight_key(projection)]
        assert projection.sign is not Sign.FREE
        assert (weight * (-1 if projection.sign is Sign.INHIBITORY else 1) >= 0).all()
