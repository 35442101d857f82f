"""Random genomes of both spaces in fixed point: in range, alive as before, all options."""

from __future__ import annotations

import pytest

from msc.compiler.contracts import Options
from msc.compiler.initialise import dyadic_model, random_model
from msc.compiler.passes.quantise import PASS
from msc.ir.verify import verify_model
from msc.search.lower import require_connected
from tests.compiler.test_passes import established
from tests.conformance.test_genomes import network_of
from tests.fixed_rules import out_of_range
from tests.search.sample_genomes import LOOPED_CELL, random_genomes

WAYS: tuple[Options, ...] = ({}, {"input": "bias", "profile": "loihi1"}, {"thresholds": "population"})


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_random_weights_keep_their_rates(space: str, seed: int) -> None:
    """Options take turns. Networks of random weights are chaotic: spikes move, rates stay."""
    before = established(PASS, random_model(network_of(space, seed), seed))
    result = PASS.run(before, WAYS[seed % 3])
    verify_model(result.model)
    assert not list(out_of_range(result.model))
    assert result.errors["mean_relative_weight_error"] < 0.015
    assert result.errors["share_of_differing_spikes"] < 0.15
    assert result.errors["largest_rate_difference"] < 0.08


@pytest.mark.parametrize("seed", [1, 3, 5, 7])
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_dyadic_weights_and_events_lose_nothing(space: str, seed: int) -> None:
    """Every weight is exact, and not one spike differs."""
    before = established(PASS, dyadic_model(network_of(space, seed), seed))
    errors = PASS.run(before).errors
    assert errors["largest_relative_weight_error"] < 1e-6
    assert errors["share_of_differing_spikes"] == 0


@pytest.mark.parametrize("index", range(0, 17, 4))
def test_sample_genomes_are_held(index: int) -> None:
    network = require_connected([*random_genomes(), LOOPED_CELL][index]).network
    assert network is not None
    result = PASS.run(established(PASS, random_model(network, index)))
    verify_model(result.model)
    assert not list(out_of_range(result.model))
    assert result.errors["largest_rate_difference"] < 0.1
