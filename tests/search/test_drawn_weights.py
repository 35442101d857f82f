"""Drawn weights bring every population of random genomes to life, cycles and lone pools included."""

from __future__ import annotations

import pytest

from msc.compiler.initialise import draw_input, dyadic_model, random_model
from msc.ir.neurons import Source
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Recurrence


@pytest.mark.parametrize("make", [random_model, dyadic_model])
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_no_population_is_silent_or_saturated(make, space, first) -> None:
    """Mutual inhibition must not settle on one winner, positive feedback not on all or nothing."""
    for seed in range(first, first + 20):
        genome = new_genome(
            space,
            seed,
            input=("static", "events")[seed % 2],
            input_shape=(2, 8, 8),
            channels=4,
            classes=5,
            votes=4,
            timesteps=10 if space == "snasnet" else 4 + seed % 3,  # cells pass a signal on slowly
            recurrence=list(Recurrence)[seed // 2 % 2],
        )
        network = require_connected(genome).network
        assert network is not None
        model = make(network, seed)
        source = network.source.neuron
        assert isinstance(source, Source)
        trace = simulate(model, draw_input(source, seed, 4, genome.skeleton.timesteps))
        rates = {name: float(spikes.mean()) for name, spikes in trace.spikes.items()}
        assert all(0.02 <= rate <= 0.6 for rate in rates.values()), (seed, rates)
        assert (trace.outputs != trace.outputs[:, :1]).any(), seed
