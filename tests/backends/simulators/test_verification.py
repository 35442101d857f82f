"""What counts as equal, what rounding excuses, what is reported."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from msc.backends.comparison import compare
from msc.backends.margins import ROUNDING, Margins
from msc.backends.running import quantised
from msc.backends.simulators.contracts import CannotRunError
from msc.backends.verification import available, run_on, simulators, verify_on
from msc.compiler.driver import lower
from msc.compiler.registry import UnknownPartError
from msc.ir.network import Model
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import Linear, Scale
from msc.ir.simulate import InputError, Trace, simulate
from tests import fixed_networks
from tests.dyadic import run, sample_input
from tests.networks import NETWORKS, NORMED, edge, net

STEPS, SAMPLES = 3, 2
VECTOR = Source((1,), InputKind.ANALOG)
INPUT = np.ones((STEPS, SAMPLES, 1), np.float32)


def pair(first: float, second: float = 1.0, output: type = LIF) -> Model:
    """input -> a -> out with one neuron each: a's membrane is `first` at step 0."""
    neurons = {"a": LIF(tau=1, r=1, v_threshold=1), "out": output(tau=1, r=1)}
    network = net(VECTOR, neurons, edge("input", "a", Linear(1)), edge("a", "out", Linear(1)))
    weights = {
        "a/bias": np.zeros(1, np.float32),
        "out/bias": np.zeros(1, np.float32),
        "input>a/0/weight": np.full((1, 1), first, np.float32),
        "a>out/0/weight": np.full((1, 1), second, np.float32),
    }
    return Model(network, weights)


def judged(model: Model, changes: list[tuple[str, int, int]], visible=("a", "out")):
    """Flip spikes at (population, step, sample) and compare."""
    reference = simulate(model, INPUT)
    found = {name: reference.spikes[name].copy() for name in visible}
    for name, step, sample in changes:
        found[name][step, sample] = 1 - found[name][step, sample]
    return compare(reference, found, ["a", "out"], Margins(model, INPUT, None))


def test_equal_runs_have_no_difference() -> None:
    assert judged(pair(1.0), []) is None


def test_a_difference_within_rounding_is_excused_and_what_follows_is_propagated() -> None:
    """a sits on its threshold: flipping it is rounding, flipping out in the same step follows from it."""
    difference = judged(pair(1.0), [("a", 1, 0), ("out", 1, 0), ("out", 2, 0)])
    assert difference is not None
    assert (difference.population, difference.step, difference.sample) == ("a", 1, 0)
    assert (difference.count, difference.samples, difference.unexcused) == (3, 1, 0)
    assert difference.margin == 0
    assert difference.bound == ROUNDING * 2  # 1 + |w| s = 1 + 1


def test_a_difference_beyond_rounding_is_not_excused() -> None:
    difference = judged(pair(1.5), [("a", 1, 1)])
    assert difference is not None
    assert (difference.unexcused, difference.margin, difference.bound) == (1, 0.5, ROUNDING * 2.5)
    assert str(difference) == (
        "1 values differ, first in a at step 1 of sample 1 (margin 0.5, rounding explains 9.54e-06); "
        "1 of 1 samples beyond rounding"
    )


def test_nothing_is_excused_where_float32_is_exact() -> None:
    """A flipped spike on the threshold would be excused as rounding; on dyadic weights nothing rounds."""
    model = pair(1.0)
    reference = simulate(model, INPUT)
    found = {name: spikes.copy() for name, spikes in reference.spikes.items()}
    found["a"][1, 0] = 1 - found["a"][1, 0]
    difference = compare(reference, found, ["a", "out"], Margins(model, INPUT, None), exact=True)
    assert difference is not None
    assert (difference.unexcused, difference.margin, difference.bound) == (1, 0, 0)


def test_verification_says_whether_it_excused_anything() -> None:
    for name, models, exact in (("chain", NETWORKS, True), ("batch", NORMED, False)):
        model = models[name]
        found = verify_on(model, sample_input(model.network), None, ["pytorch"])
        assert (found.exact, found.to_json()["exact"]) == (exact, exact)


def test_the_causally_first_difference_decides_per_sample() -> None:
    """Sample 0 begins in a, on its threshold; sample 1 begins in out, half above its own."""
    difference = judged(pair(1.0), [("a", 2, 0), ("out", 2, 0), ("out", 1, 1), ("a", 2, 1)])
    assert difference is not None
    assert (difference.samples, difference.unexcused) == (2, 1)
    assert (difference.population, difference.step, difference.sample) == ("out", 1, 1)


def test_the_bound_is_the_rule_to_the_digit() -> None:
    exactly = float(np.float32(1 + 2 * ROUNDING))
    near = judged(pair(exactly), [("a", 0, 0)])
    far = judged(pair(float(np.float32(1 + 3 * ROUNDING))), [("a", 0, 0)])
    assert near is not None
    assert far is not None
    assert (near.unexcused, far.unexcused) == (0, 1)


def test_an_output_alone_is_excused_by_a_close_call_before_it_only() -> None:
    """a is on its threshold at every step of both samples; then at none."""
    near = judged(pair(1.0), [("out", 1, 0)], visible=("out",))
    far = judged(pair(1.5), [("out", 1, 0)], visible=("out",))
    assert near is not None
    assert far is not None
    assert (near.unexcused, near.margin) == (0, 0)
    assert (far.unexcused, far.margin) == (1, 0.5)


def test_membranes_differ_only_beyond_rounding() -> None:
    model = pair(1.5, 0.25, LI)
    reference = simulate(model, INPUT)
    margins = Margins(model, INPUT, None)
    for shift, samples in ((0, None), (1e-6, 0), (1e-3, 1)):
        found = {name: values.astype(np.float64) for name, values in reference.spikes.items()}
        found["out"][1, 1] += shift
        difference = compare(reference, found, ["a", "out"], margins)
        assert (None if difference is None else difference.unexcused) == samples


@pytest.mark.parametrize(
    ("neuron", "gain"),
    [
        (LIF(tau=4, r=2), 0.5),
        (IF(r=3), 3.0),
        (CubaLIF(tau_syn=4, tau_mem=2, r=3, w_in=2), 0.75),
        (LI(tau=4, r=-2), 0.5),
    ],
)
def test_the_bound_adds_up_magnitudes_in_units_of_the_membrane(neuron, gain) -> None:
    """Two opposite weights, a bias, a delay and a negative scale: nothing cancels."""
    network = net(
        VECTOR,
        {"out": neuron},
        edge("input", "out", Linear(1)),
        edge("input", "out", Linear(1), Scale(-2), number=2),
        edge("input", "out", Linear(1), delay=1, number=3),
    )
    names = ("input>out/0/weight", "input>out#2/0/weight", "input>out#3/0/weight")
    weights = {name: np.full((1, 1), -1.0, np.float32) for name in names}
    model = Model(network, {**weights, "out/bias": np.full(1, -0.5, np.float32)})
    bound = Margins(model, INPUT, None).bound("out")
    assert bound[:, 0, 0].tolist() == [ROUNDING * (1 + gain * s) for s in (3.5, 4.5, 4.5)]


def test_norms_count_with_their_means() -> None:
    model = NORMED["batch"]
    bound = Margins(model, sample_input(model.network), 4).bound("a")
    weights = {key: value.astype(np.float64) for key, value in model.weights.items()}
    scale = weights["input>a/norm/gamma"] / np.sqrt(weights["input>a/norm/var"] + 1e-5)
    least = np.abs(weights["a/bias"]) + scale * np.abs(weights["input>a/norm/mean"])
    assert (bound.min(axis=(0, 1, 3, 4)) >= ROUNDING * (1 + least)).all()


def test_a_shape_that_does_not_fit_is_no_comparison() -> None:
    model = pair(1.0)
    reference = simulate(model, INPUT)
    margins = Margins(model, INPUT, None)
    with pytest.raises(ValueError, match="does not show the output"):
        compare(reference, {"a": reference.spikes["a"]}, ["a", "out"], margins)
    with pytest.raises(ValueError, match=r"out has shape \(2, 2, 1\), not \(3, 2, 1\)"):
        compare(reference, {"out": reference.spikes["out"][:2]}, ["a", "out"], margins)


def test_a_verification_is_plain_data() -> None:
    model = NETWORKS["delays"]
    told: list[str] = []
    names = ["reference", "pytorch", "nirtorch"]
    found = verify_on(model, sample_input(model.network), None, names, progress=told.append)
    assert told == names
    assert found.ok
    assert found.alive
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["output"]["rate"] == pytest.approx(run(model, sample_input(model.network)).outputs.mean())
    verdicts = {result["simulator"]: result for result in plain["results"]}
    assert verdicts["reference"]["verdict"] == verdicts["pytorch"]["verdict"] == "equal"
    assert verdicts["pytorch"]["populations"] == 3
    assert verdicts["nirtorch"]["verdict"] == "cannot"
    assert verdicts["nirtorch"]["ok"]
    assert verdicts["nirtorch"]["reason"].startswith("projection b>a: delay 2: no simulator reads delays")
    assert "\n" not in verdicts["nirtorch"]["reason"]


def test_a_wrong_simulator_fails_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["chain"]
    inputs = sample_input(model.network)
    other = replace(simulators()["pytorch"])
    honest = other.run

    def lying(*arguments):
        values = dict(honest(*arguments))
        values["b"] = 1 - values["b"]
        return values

    other.run = lying
    monkeypatch.setattr("msc.backends.verification.simulators", lambda: {"pytorch": other})
    found = verify_on(model, inputs, 4, ["pytorch"])
    assert not found.ok
    (result,) = found.results
    assert result.difference is not None
    assert (result.difference.population, result.difference.step) == ("b", 0)
    assert str(result).startswith("pytorch: ")


def test_names_and_inputs_are_checked() -> None:
    model = NETWORKS["chain"]
    with pytest.raises(
        UnknownPartError, match="simulator brian: unknown; use one of: reference, module, pytorch, "
    ):
        verify_on(model, sample_input(model.network), 4, ["brian"])
    with pytest.raises(InputError, match="does not fit the static source"):
        verify_on(model, np.zeros((2, 3)), 4, ["pytorch"])
    with pytest.raises(InputError, match="does not fit the static source"):
        run_on(model, np.zeros((2, 3)), 4, "nirtorch")


def test_run_on_gives_the_spikes_or_the_reason() -> None:
    model = NETWORKS["chain"]
    trace = run_on(model, sample_input(model.network), 4, "pytorch")
    assert isinstance(trace, Trace)
    np.testing.assert_array_equal(trace.outputs, run(model, sample_input(model.network)).outputs)
    with pytest.raises(CannotRunError, match="delay 2"):
        run_on(NETWORKS["delays"], sample_input(NETWORKS["delays"].network), None, "nirtorch")


def test_simulators_are_found_by_file_name_and_say_what_they_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(simulators())
    assert names[:4] == ["reference", "module", "pytorch", "onnx"]
    assert names[-2:] == ["lava", "loihi"]
    assert set(names[4:-2]) >= {"nirtorch", "norse", "snntorch", "spikingjelly"}
    assert {simulator.target for simulator in simulators().values()} == {
        "",
        "pytorch",
        "onnx",
        "nir",
        "lava",
    }
    monkeypatch.setattr("msc.backends.simulators.contracts.find_spec", lambda name: None)
    assert available()["reference"] is None
    assert available()["norse"] == (
        'nir, nirtorch, norse, torch not installed; install with: python -m pip install "norse>=1.1,<1.2" '
        '"nirtorch>=2.6,<2.7"'
    )
    model = NETWORKS["chain"]
    (result,) = verify_on(model, sample_input(model.network), 4, ["norse"]).results
    assert result.verdict.value == "cannot"
    assert "install with" in str(result.reason)


def test_loihi_is_held_against_the_quantised_network_and_nothing_is_excused() -> None:
    model = NETWORKS["skip"]
    inputs = sample_input(model.network)
    found = verify_on(model, inputs, 6, ["pytorch", "loihi"])
    assert [str(result) for result in found.results] == [
        "pytorch: equal in 3 populations",
        "loihi: equal in 3 populations of the quantised network",
    ]
    reference = simulate(quantised(model), inputs, 6).outputs
    share = float((reference != simulate(model, inputs, 6).outputs).mean())
    assert 0 < share < 0.1
    assert found.quantisation == share
    assert found.remarks[-1] == f"quantised: {share:.2%} of output spikes differ from floating point"
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["quantisation"] == {"differing_output_spikes": share}
    assert [result["reference"] for result in plain["results"]] == ["float", "quantised"]


def test_without_a_simulator_of_integers_nothing_is_quantised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msc.backends.running.lower", None)
    found = verify_on(NETWORKS["chain"], sample_input(NETWORKS["chain"].network), 4, ["pytorch"])
    assert found.quantisation is None
    assert found.to_json()["quantisation"] is None
    assert found.remarks == ("float32 rounds nowhere here: no difference would be excused",)


def test_one_model_is_quantised_once_for_all_simulators(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["chain"]
    calls: list[object] = []

    def counted(*arguments):
        calls.append(arguments)
        return lower(*arguments)

    monkeypatch.setattr("msc.backends.running.lower", counted)
    loihi = simulators()["loihi"]
    twin = replace(loihi, name="twin")
    monkeypatch.setattr("msc.backends.verification.simulators", lambda: {"loihi": loihi, "twin": twin})
    found = verify_on(model, sample_input(model.network), 4)
    assert [result.verdict.value for result in found.results] == ["equal", "equal"]
    assert len(calls) == 1


def test_one_flipped_spike_on_loihi_fails_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that round would have excused it, against the float reference."""
    model = NORMED["batch"]
    other = replace(simulators()["loihi"])
    honest = other.run

    def lying(*arguments):
        values = dict(honest(*arguments))
        values["b"] = values["b"].copy()
        values["b"][2, 1, 0, 0, 0] ^= 1
        return values

    other.run = lying
    monkeypatch.setattr("msc.backends.verification.simulators", lambda: {"loihi": other})
    found = verify_on(model, sample_input(model.network), 4, ["loihi"])
    assert not found.ok
    (result,) = found.results
    assert str(result) == (
        "loihi: 1 values differ, first in b at step 2 of sample 1 (margin 0, rounding explains 0); "
        "1 of 1 samples beyond rounding"
    )


def test_what_the_target_refuses_loihi_cannot_run() -> None:
    """The reason is the compiler's, for every simulator of the target; no quantised reference, no share."""
    model = NETWORKS["loop"]
    found = verify_on(model, sample_input(model.network), None, ["loihi"])
    (result,) = found.results
    assert result.verdict.value == "cannot"
    assert str(result.reason).startswith(
        "cycle a -> b -> a: has 2 synapses, each of which takes a machine step"
    )
    assert found.quantisation is None
    with pytest.raises(CannotRunError, match='give the genome "recurrence": "synaptic"'):
        run_on(model, sample_input(model.network), None, "loihi")


def test_options_of_the_target_reach_the_quantiser() -> None:
    model = NETWORKS["chain"]
    inputs = sample_input(model.network)
    options = {"input": "bias", "profile": "loihi1"}
    expected = simulate(quantised(model, options), inputs, 4)
    (result,) = verify_on(model, inputs, 4, ["loihi"], options=options).results
    assert result.verdict.value == "equal"
    trace = run_on(model, inputs, 4, "loihi", options=options)
    np.testing.assert_array_equal(trace.outputs, expected.outputs)
    assert trace.spikes.keys() == expected.spikes.keys()
    (refused,) = verify_on(model, inputs, 4, ["loihi"], options={"profile": "loihi1"}).results
    assert "graded spikes need Loihi 2" in str(refused.reason)
    (unknown,) = verify_on(model, inputs, 4, ["loihi"], options={"profile": "loihi3"}).results
    assert unknown.reason == "option profile: unknown value 'loihi3'"


def test_a_fixed_point_model_is_its_own_quantised_form() -> None:
    model = fixed_networks.FIXED["everything"]
    found = verify_on(model, fixed_networks.sample(model.network), None, ["loihi"])
    assert [result.verdict.value for result in found.results] == ["equal"]
    assert found.quantisation == 0
    assert found.alive
