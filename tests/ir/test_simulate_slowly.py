"""The reference simulator equals a second one written in plain loops, on random networks."""

import numpy as np
import pytest
from hypothesis import given, settings

from msc.ir.network import Model
from msc.ir.neurons import LI
from tests.dyadic import run, sample_input, steps_of
from tests.ir.slow import Map, run_slowly
from tests.networks import NETWORKS, NORMED
from tests.strategies import models, rounding_models


def array(maps: list[list[Map]], like: np.ndarray) -> np.ndarray:
    out = np.zeros(like.shape)
    for t, samples in enumerate(maps):
        for b, values in enumerate(samples):
            assert len(values) == like[0, 0].size
            for index, value in values.items():
                out[t, b][index] = value
    return out


def check(model: Model, exact: bool) -> None:
    inputs = sample_input(model.network, seed=5, batch=2)
    trace = run(model, inputs)
    emitted, membranes = run_slowly(model, inputs, steps_of(model.network))
    for name, spikes in trace.spikes.items():
        v = trace.membranes[name]
        slow_v = array(membranes[name], v)
        if exact:
            assert np.array_equal(slow_v, v)
        else:
            np.testing.assert_allclose(slow_v, v, rtol=1e-9, atol=1e-9)
        if not isinstance(model.network.population(name).neuron, LI):
            assert np.array_equal(array(emitted[name], v), spikes)


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_on_fixtures(name: str) -> None:
    check(NETWORKS[name], exact=True)


@pytest.mark.parametrize("name", NORMED)
def test_equal_on_fixtures_with_norms(name: str) -> None:
    check(NORMED[name], exact=False)


@given(models())
@settings(max_examples=12)
def test_equal_on_exact_models(model: Model) -> None:
    check(model, exact=True)


@given(rounding_models())
@settings(max_examples=12)
def test_equal_on_rounding_models(model: Model) -> None:
    check(model, exact=False)
