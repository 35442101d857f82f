"""The fixture networks are worth testing on: valid, exact where they say so, and alive."""

import numpy as np
import pytest

from msc.ir.verify import verify_model
from tests.dyadic import MANTISSA_BITS, bits_needed, is_alive, run, sample_input
from tests.networks import NETWORKS, NORMED

ALL = NETWORKS | NORMED


@pytest.mark.parametrize("name", ALL)
def test_is_valid(name: str) -> None:
    verify_model(ALL[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_fits_float32_exactly(name: str) -> None:
    assert bits_needed(NETWORKS[name]) <= MANTISSA_BITS


@pytest.mark.parametrize("name", ALL)
def test_every_population_is_alive(name: str) -> None:
    model = ALL[name]
    trace = run(model, sample_input(model.network, seed=1))
    for population, spikes in trace.spikes.items():
        if spikes.dtype == np.uint8:
            assert is_alive(spikes), f"{population}: rate {spikes.mean():.3f}"
        else:
            assert (spikes != spikes[:, :1]).any()
