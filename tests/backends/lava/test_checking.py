"""A bundle's network runs and is compared in machine time: all spikes, and all membranes at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msc.backends.lava import checking
from msc.backends.lava.checking import run_bundle, verify_bundle
from msc.backends.simulators.contracts import CannotRunError
from msc.compiler.passes.retime import PASS as RETIME
from msc.ir.network import Model
from msc.ir.simulate import simulate
from tests.fixed_networks import FIXED, sample
from tests.requires import require_lava

Arrays = dict[str, NDArray[Any]]


def machine_of(name: str) -> Model:
    return RETIME.run(FIXED[name]).model


@pytest.mark.parametrize("on", ["reference", "loihi"])
@pytest.mark.parametrize("name", ["chain", "everything", "delays", "bias_input"])
def test_a_bundle_runs_as_the_network_it_was_made_of(name: str, on: str) -> None:
    model, inputs = FIXED[name], sample(FIXED[name].network)
    expected = simulate(model, inputs)
    found = run_bundle(machine_of(name), inputs, on)
    assert set(found.spikes) == set(expected.spikes)
    for population, spikes in expected.spikes.items():
        np.testing.assert_array_equal(found.spikes[population], spikes)


def test_the_emulator_is_equal() -> None:
    found = verify_bundle(machine_of("everything"), sample(FIXED["everything"].network), ["loihi"])
    assert [str(result) for result in found.results] == [
        "loihi: equal in 7 populations of the quantised network"
    ]
    assert found.ok
    assert (found.samples, found.timesteps, found.alive) == (3, 12, True)


def test_real_lava_is_equal() -> None:
    require_lava()
    inputs = sample(FIXED["delays"].network, batch=1)
    found = verify_bundle(machine_of("delays"), inputs, ["lava"])
    assert [str(result) for result in found.results] == [
        "lava: equal in 9 populations of the quantised network"
    ]


def flip(arrays: Arrays, name: str, place: tuple[int, ...]) -> None:
    arrays[name] = arrays[name].copy()
    arrays[name][place] += 1


CHANGES: dict[str, tuple[Callable[[Arrays], Any], str, int, int]] = {
    "one spike": (lambda a: flip(a, "b", (5, 2, 0, 1, 1)), "b", 5, 2),
    "the earlier of two": (lambda a: (flip(a, "a", (9, 0, 0, 0, 0)), flip(a, "out", (4, 1, 0))), "out", 4, 1),
    "a voltage": (lambda a: flip(a, "a/voltage", (1, 0, 0, 0)), "a/voltage", 14, 1),
}  # fmt: skip


def planted(monkeypatch: pytest.MonkeyPatch, change: Callable[[Arrays], Any]) -> None:
    """Have the emulator's answer changed."""
    run = checking._run

    def changed(shown: Any, on: str) -> Mapping[str, NDArray[Any]]:
        arrays = dict(run(shown, on))
        if on == "loihi":
            change(arrays)
        return arrays

    monkeypatch.setattr(checking, "_run", changed)


@pytest.mark.parametrize("kind", CHANGES)
def test_every_difference_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, population, step, where = CHANGES[kind]
    planted(monkeypatch, change)
    found = verify_bundle(machine_of("chain"), sample(FIXED["chain"].network), ["loihi"])
    (result,) = found.results
    assert not found.ok
    assert result.difference is not None
    assert (result.difference.population, result.difference.step, result.difference.sample) == (
        population,
        step,
        where,
    )


def refuse(arrays: Arrays) -> None:
    raise CannotRunError.of("network", "is too large", "make it smaller")


CANNOTS: dict[str, tuple[Callable[[Arrays], Any], str]] = {
    "a missing population": (lambda a: a.pop("b"), "does not show b as the reference does"),
    "another shape": (lambda a: a.update({"b": a["b"][:1]}), "does not show b as the reference does"),
    "a refusal": (refuse, "network: is too large"),
}


@pytest.mark.parametrize("kind", CANNOTS)
def test_what_cannot_be_compared_is_no_agreement(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, why = CANNOTS[kind]
    planted(monkeypatch, change)
    (result,) = verify_bundle(machine_of("chain"), sample(FIXED["chain"].network), ["loihi"]).results
    assert (result.verdict.value, result.reason) == ("cannot", why)
