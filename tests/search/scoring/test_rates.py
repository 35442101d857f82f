"""Rates over batches, by hand."""

from __future__ import annotations

import pytest
import torch

from msc.search.scoring.rates import mean_rate, population_rates
from msc.search.scoring.responses import respond


def test_rates_are_means_over_batches_weighted_by_neurons() -> None:
    """108 neurons that fire in one of two batches, 4 that never do."""
    quiet, loud, out = torch.zeros(1, 2, 3, 6, 6), torch.ones(1, 2, 3, 6, 6), torch.zeros(1, 2, 4)
    batches = [(respond("a", spikes), respond("out", out)) for spikes in (quiet, loud)]
    assert population_rates(batches) == {"a": 0.5, "out": 0.0}
    assert mean_rate(batches) == pytest.approx(0.5 * 108 / 112)
