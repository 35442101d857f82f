"""Fitting a chip: what `--fit` says, and why networks do not fit."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

from msc.backends.pytorch import SpikingNetwork
from msc.compiler.placement import Profile, ProfileError, load_profile, place
from msc.compiler.placement.structure import machine_structure
from msc.ir.network import Network
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.scoring.evaluate import Evaluator, Task
from msc.search.scoring.fitting import Fit, FitError, parse_fit
from msc.search.scoring.guards import Limits
from msc.search.skeleton import Recurrence
from tests.search.scoring.test_evaluate import BATCHES, genome

LOIHI2 = load_profile("loihi2")


def network(seed: int = 0, space: str = "mse-nas", **skeleton: object) -> Network:
    found = require_connected(genome(seed, space, **skeleton)).network
    assert found is not None
    return found


def shrunk(profile: Profile, **limits: int) -> Profile:
    """Make a smaller chip of a profile."""
    known = profile.limits
    smaller = {name: replace(known[name], value=value) for name, value in limits.items()}
    return replace(profile, limits={**known, **smaller})


def test_what_is_said_names_a_profile_and_a_number_of_chips(tmp_path: Path) -> None:
    assert (str(parse_fit("loihi2")), parse_fit("loihi2").chips) == ("loihi2:1", 1)
    assert str(parse_fit("loihi1:32")) == "loihi1:32"
    path = tmp_path / "a:7.toml"
    path.write_text((Path(__file__).parents[3] / "compiler/profiles/loihi2.toml").read_text())
    assert parse_fit(f"{path}").chips == 1
    found = parse_fit(f"{path}:3")
    assert (found.name, found.chips, found.profile.name) == (str(path), 3, "a:7")


@pytest.mark.parametrize("chips", ["0", "-1", "1000001", "9" * 30])
def test_numbers_of_chips_that_are_none(chips: str) -> None:
    with pytest.raises(FitError) as caught:
        parse_fit(f"loihi2:{chips}")
    assert str(caught.value) == f"--fit loihi2:{chips}: asks for {chips} chips; give 1 to 1000000"


@pytest.mark.parametrize("text", ["loihi3", "loihi3:2", "loihi2:x", ""])
def test_profiles_that_are_none(text: str) -> None:
    name = re.sub(r":\d+$", "", text)
    with pytest.raises(ProfileError) as caught:
        parse_fit(text)
    assert str(caught.value) == (
        f"profile {name}: there is no such profile; use one of: loihi1, loihi2, or the path of a .toml file"
    )


def test_a_network_fits_as_many_chips_as_it_is_placed_on() -> None:
    profile = shrunk(LOIHI2, cores_per_chip=4, neurons_per_core=60)
    for seed in range(4):
        floats = network(seed)
        placement = place(machine_structure(floats, profile), profile)
        assert placement.chips > 1
        assert Fit("x", profile, placement.chips).violations(floats) == ()
        (found,) = Fit("x", profile, placement.chips - 1).violations(floats)
        assert found.guard == "fit"
        assert 0 < found.amount < 1
        needed = int(re.findall(r"([0-9,]+) cores of loihi2", found.what)[0].replace(",", ""))
        assert 4 * (placement.chips - 1) < needed <= len(placement.cores)
        assert found.what.endswith(f"at most {placement.chips - 1} wanted")


def test_a_network_far_too_large_is_not_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msc.search.scoring.fitting.place", None)
    profile = shrunk(LOIHI2, cores_per_chip=1, neurons_per_core=60)
    (found,) = Fit("x", profile).violations(network())
    assert re.fullmatch(r"needs at least \d+ cores of loihi2, \d+ chips, at most 1 wanted", found.what)


def test_a_larger_network_is_further_from_fitting() -> None:
    profile = shrunk(LOIHI2, cores_per_chip=1, neurons_per_core=60)
    amounts = [Fit("x", profile).violations(network(channels=c))[0].amount for c in (4, 8, 16)]
    assert amounts == sorted(amounts)
    assert amounts[0] < amounts[-1]


def test_a_neuron_that_no_core_holds() -> None:
    profile = shrunk(load_profile("loihi1"), input_axons_per_core=20)
    (found,) = Fit("x", profile, 1000).violations(network())
    assert found.amount == 1.0
    assert re.match(
        r"population [\w.]+: one neuron needs \d+ input axons, a core of loihi1 has 20", found.what
    )


def test_a_cycle_that_no_chip_can_run() -> None:
    drawn = new_genome("snasnet", 1, input_shape=(1, 8, 8), channels=4, hidden=8, recurrence=Recurrence.LOOP)
    floats = require_connected(drawn).network
    assert floats is not None
    (found,) = Fit("loihi2", LOIHI2).violations(floats)
    assert found.amount == 1.0
    assert found.what.startswith("cycle cell1.n1 -> cell1.n2 -> cell1.n3 -> cell1.n1: has 3 synapses")
    assert found.what.endswith(" and 1 more")


def test_a_network_that_does_not_fit_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpikingNetwork, "stream", None)
    fit = Fit("tiny", shrunk(LOIHI2, cores_per_chip=1, neurons_per_core=10))
    found = Evaluator(BATCHES, fit=fit)(Task(genome(), 0))
    assert found.reasons == ("fit",)
    assert set(found.values) == {"params"}
    assert not found.feasible
    limited = Evaluator(BATCHES, limits=Limits(max_params=5), fit=fit)(Task(genome(), 0))
    assert limited.reasons == ("max-params",)


def test_a_network_that_fits_is_measured_as_ever() -> None:
    plain, fitted = (Evaluator(BATCHES, fit=fit)(Task(genome(), 0)) for fit in (None, parse_fit("loihi2")))
    assert plain == fitted


def test_it_goes_to_workers() -> None:
    evaluator = Evaluator(BATCHES, fit=parse_fit("loihi1:2"))
    assert pickle.loads(pickle.dumps(evaluator)).fit == evaluator.fit
