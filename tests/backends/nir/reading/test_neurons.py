"""Neurons keep their equation: times in steps, thresholds that V must exceed, resistances, resets, leaks."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from msc.backends.nir.neurons import seconds
from msc.backends.nir.reading.neurons import above
from msc.backends.nir.reading.values import in_steps
from msc.ir.neurons import IF, LI, LIF, CubaLIF
from msc.ir.simulate import simulate
from tests.backends.nir.reading.graphs import chain, check, lif, read

SHAPE = (3,)


def full(value: float, dtype: type = np.float64) -> np.ndarray:
    return np.full(SHAPE, value, dtype)


CELLS = {
    "lif": (lif(SHAPE, 1.0, 4e-4, r=3.0, v_leak=0.25, v_reset=-0.5), LIF(4.0, 3.0, above(1.0), -0.5, 0.25)),
    "if": (nir.IF(full(5000.0), full(1.0), full(0.25)), IF(0.5, above(1.0), 0.25)),
    "cuba": (
        nir.CubaLIF(full(2e-4), full(4e-4), full(2.0), full(-0.25), full(1.0), full(0.5), full(3.0)),
        CubaLIF(2.0, 4.0, 2.0, 3.0, above(1.0), 0.5, -0.25),
    ),
    "li": (nir.LI(full(4e-4), full(2.0), full(0.25)), LI(4.0, 2.0, 0.25)),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_equation_is_kept(name: str) -> None:
    node, neuron = CELLS[name]
    imported, trace = check(chain(SHAPE, SHAPE, cell=node))
    assert imported.model.network.population("cell").neuron == neuron
    assert trace.outputs.any()


@pytest.mark.parametrize("name", CELLS)
def test_another_time_step_gives_other_steps(name: str) -> None:
    node, neuron = CELLS[name]
    imported, _ = check(chain(SHAPE, SHAPE, cell=node), dt=5e-5)
    found = imported.model.network.population("cell").neuron
    assert imported.dt == 5e-5
    for time in ("tau", "tau_syn", "tau_mem"):
        assert getattr(found, time, 0) == 2 * getattr(neuron, time, 0)
    assert found.r == (neuron.r / 2 if isinstance(neuron, IF) else neuron.r)


def test_a_membrane_at_the_threshold_does_not_fire() -> None:
    """NIR: v > v_threshold. Ours is >=, of the next float32."""
    graph = chain(SHAPE, SHAPE, cell=nir.IF(full(10000.0), full(1.0), full(0.0)))
    inputs = np.array([0.5, 0.5, 0.25], np.float32).reshape(3, 1, 1) * np.ones((1, 1, 3), np.float32)
    spikes = simulate(read(graph).model, inputs).outputs
    np.testing.assert_array_equal(spikes[:, 0, 0], [0, 0, 1])
    assert above(0.1) == float(np.nextafter(np.float32(0.1), np.float32(1)))


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 25, 1.5, 2.25, 33.3333])
def test_times_in_either_precision_give_their_steps(steps: float, single: bool) -> None:
    time = float(np.float32(seconds(steps))) if single else seconds(steps)
    assert in_steps(time, single, 1e-4) == steps


def test_a_time_of_many_digits_keeps_those_that_float32_has() -> None:
    time = float(np.float32(1.2345678912e-3))
    assert in_steps(time, True, 1e-4) == float(np.float32(time / 1e-4))


@pytest.mark.parametrize("tau", [1.0, 1.5, 4 / 3, 2.0, 3.3333333, 7.1, 100.0, 12345.678])
def test_steps_to_seconds_and_back_and_again(tau: float) -> None:
    once = seconds(tau)
    assert once / 1e-4 == pytest.approx(tau, rel=3e-16)
    assert seconds(once / 1e-4) == once


def test_the_file_names_its_own_time_step_unless_the_caller_does() -> None:
    graph = chain(SHAPE, SHAPE, cell=lif(SHAPE, tau=2e-3))
    graph.metadata = {"dt": 1e-3}
    assert read(graph).model.network.population("cell").neuron.tau == 2.0
    assert read(graph, dt=5e-4).model.network.population("cell").neuron.tau == 4.0


@pytest.mark.parametrize("written", [0.0, -1.0, np.nan, np.inf, "1e-3", np.ones(2), {"dt": 1e-3}, True])
def test_a_time_step_that_is_none_is_not_heeded(written: object) -> None:
    graph = chain(SHAPE, SHAPE, cell=lif(SHAPE, tau=2e-4))
    graph.metadata = {"dt": written}
    assert read(graph).dt == 1e-4


def test_neurons_that_look_written_in_steps_raise_a_doubt() -> None:
    graph = chain(SHAPE, SHAPE, a=nir.IF(full(1.0), full(1.0)), b=lif(SHAPE, tau=2.0), c=lif(SHAPE))
    assert read(graph).notes == (
        "a, b: perhaps written with a time step of 1, not 0.0001 s: then give --dt 1",
    )
    without = chain(SHAPE, SHAPE, a=nir.IF(full(1.0), full(1.0)), b=lif(SHAPE, tau=2.0))
    assert not read(without, dt=1.0).notes
    assert not read(chain(SHAPE, SHAPE, a=nir.IF(full(10000.0), full(1.0)), c=lif(SHAPE))).notes
