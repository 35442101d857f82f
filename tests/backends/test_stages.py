"""The stages of a network: what runs at each, on which input, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msc.backends.running import quantised
from msc.backends.stages import Staged, StageError, stage
from msc.compiler.contracts import CompileError
from msc.compiler.energy.report import Stage
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.placement.profile import ProfileError
from msc.compiler.timing import is_retimed, latency, relay_of
from msc.ir.fixed import is_fixed_point
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model
from msc.ir.simulate import InputError, simulate
from tests.compiler.placement.profiles import ROOMY, toml
from tests.fixed_networks import FIXED, sample
from tests.networks import NETWORKS

TRAINED, QUANTISED, PLACED = Stage


def same(one: Model, other: Model) -> bool:
    networks = network_hash(one.network) == network_hash(other.network)
    return networks and weights_hash(one.weights) == weights_hash(other.weights)


@pytest.mark.parametrize("name", ["chain", "feedback", "dense", "delays", "average_pool"])
def test_a_network_goes_through_all_stages(name: str) -> None:
    model = NETWORKS[name]
    trained, rounded, placed = (stage(model, each) for each in Stage)
    assert trained.model is model
    assert is_fixed_point(rounded.model.network)
    assert same(rounded.model, quantised(model))
    assert same(placed.model, RETIME.run(rounded.model).model), "the same integers"
    assert is_retimed(placed.model.network)
    assert (trained.placement, rounded.placement) == (None, None)
    assert placed.placement is not None
    on_chip = {p.name for p in placed.model.network.populations if not p.is_source}
    assert {p.name for p in placed.placement.populations} == on_chip
    assert placed.placement.profile.name == "loihi2"


def test_relays_are_placed_too() -> None:
    placed = stage(FIXED["delays"], PLACED)
    assert placed.placement is not None
    relays = [p.name for p in placed.placement.populations if relay_of(p.name)]
    assert relays
    assert all(placed.placement.cores_of(name) for name in relays)


def test_static_frames_stay_on_for_the_steps_of_the_machine() -> None:
    model = NETWORKS["chain"]
    inputs = np.zeros((3, 2, 6, 6), np.float32)
    for each, expected in ((TRAINED, 4), (QUANTISED, 4), (PLACED, 4 + 3)):
        staged = stage(model, each)
        shown, steps = staged.prepare(inputs)
        assert shown is inputs
        assert steps == expected
    assert latency(staged.model.network) == 3


def test_silence_follows_other_inputs_in_machine_time() -> None:
    model = FIXED["everything"]
    inputs = sample(model.network)
    rounded, placed = (stage(model, each) for each in (QUANTISED, PLACED))
    assert rounded.prepare(inputs)[1] == 12
    streamed, steps = placed.prepare(inputs)
    assert len(streamed) == steps == 12 + latency(placed.model.network)
    assert not streamed[12:].any()
    spikes = simulate(placed.model, streamed).spikes["a"]
    start = placed.model.network.population("a").neuron.start
    np.testing.assert_array_equal(spikes[start : start + 12], simulate(model, inputs).spikes["a"])


@pytest.mark.parametrize("each", Stage)
def test_inputs_that_do_not_fit_are_refused_at_every_stage(each: Stage) -> None:
    staged = stage(NETWORKS["chain"], each)
    with pytest.raises(
        InputError, match=r"^input: shape \[3, 2, 6, 5\] does not fit the static source; give an"
    ):
        staged.prepare(np.zeros((3, 2, 6, 5)))


def test_a_network_in_fixed_point_is_quantised_already() -> None:
    model = FIXED["chain"]
    assert stage(model, QUANTISED).model is model
    assert is_retimed(stage(model, PLACED).model.network)
    with pytest.raises(StageError) as caught:
        stage(model, TRAINED)
    assert str(caught.value) == (
        "stage trained: the network is in fixed point, what it was trained as is not known;"
        " choose the stage quantised or placed"
    )


def test_a_network_in_machine_time_is_only_placed() -> None:
    machine = RETIME.run(FIXED["chain"]).model
    assert same(stage(machine, PLACED).model, machine)
    inputs = sample(machine.network)
    assert stage(machine, PLACED).prepare(inputs)[1] == 15
    for each in (TRAINED, QUANTISED):
        with pytest.raises(StageError) as caught:
            stage(machine, each)
        what = "the network is in machine time, as it runs on a chip"
        assert str(caught.value) == f"stage {each.value}: {what}; choose the stage placed"


def test_loihi_1_has_no_graded_spikes() -> None:
    """Said by whichever sees it first, and with what to do."""
    with pytest.raises(CompileError) as caught:
        stage(NETWORKS["chain"], PLACED, chip="loihi1")
    assert str(caught.value) == "population input: graded spikes need Loihi 2; --option input=bias"
    with pytest.raises(CompileError) as caught:
        stage(FIXED["chain"], PLACED, chip="loihi1")
    assert str(caught.value) == (
        "projection input>a: sends graded spikes, which loihi1 does not have; use --option input=bias"
    )
    placed = stage(NETWORKS["chain"], PLACED, {"input": "bias"}, "loihi1")
    assert placed.placement is not None
    assert placed.placement.profile.name == "loihi1"
    assert same(placed.model, RETIME.run(stage(NETWORKS["chain"], QUANTISED, {"input": "bias"}).model).model)


def test_the_chip_goes_before_the_option() -> None:
    placed = stage(NETWORKS["dense"], PLACED, {"profile": "loihi2"}, "loihi1")
    assert placed.placement is not None
    assert placed.placement.profile.name == "loihi1"
    chosen = stage(NETWORKS["dense"], PLACED, {"profile": "loihi1"}).placement
    assert chosen is not None
    assert chosen.profile.name == "loihi1"


def test_a_chip_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml({**ROOMY, "graded_spikes": True}))
    placed = stage(NETWORKS["chain"], PLACED, chip=str(path))
    assert placed.placement is not None
    assert placed.placement.profile.name == "mine"


def test_what_a_chip_has_no_room_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(toml({**ROOMY, "synaptic_memory_per_core": 64}))
    with pytest.raises(CompileError) as caught:
        stage(NETWORKS["dense"], PLACED, chip=str(path))
    assert "population a: one neuron needs 96 bits" in str(caught.value)
    assert "a core of tiny has 64" in str(caught.value)


def test_unknown_chips_and_options_are_told() -> None:
    with pytest.raises(
        ProfileError, match=r"^profile loihi7: there is no such profile; use one of: loihi1, loihi2"
    ):
        stage(NETWORKS["dense"], PLACED, chip="loihi7")
    for each in (QUANTISED, PLACED):
        with pytest.raises(
            CompileError, match=r"^option inputt: target lava has no such option; use one of: biases"
        ):
            stage(NETWORKS["dense"], each, {"inputt": "bias"})


@pytest.mark.parametrize("each", [QUANTISED, PLACED])
def test_what_fixed_point_does_not_have_is_refused(each: Stage) -> None:
    with pytest.raises(
        CompileError, match=r"^population out: emits its membrane \(LI\), fixed-point populations emit"
    ):
        stage(NETWORKS["membrane"], each)


def test_a_stage_is_data() -> None:
    staged = stage(NETWORKS["dense"], TRAINED)
    assert isinstance(staged, Staged)
    assert staged.stage is TRAINED
