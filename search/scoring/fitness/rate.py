"""Mean firing rate: spikes cost energy, and a proxy may be no more than a meter of it."""

from __future__ import annotations

from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.rates import mean_rate


def rate(evidence: Evidence) -> float:
    """Averages spikes per neuron and step over all spiking neurons, samples and batches."""
    return mean_rate(evidence.batches)


FITNESS = Fitness(
    name="rate",
    title="mean firing rate",
    better=Better.LOWER,
    source="spikes per neuron and step, the activity term of energy models",
    measure=rate,
)
