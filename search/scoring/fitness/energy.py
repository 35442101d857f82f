"""Energy per sample: events, spikes and updates of a network, priced with published energies."""

from __future__ import annotations

from statistics import fmean

from msc.compiler.energy.prices import PJ_PER_NJ
from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.pricing import middle


def energy(evidence: Evidence) -> float:
    """Prices a network's mean counts per sample with an energy profile, in nanojoules, mean over batches.

    The sum of the terms of `msc energy` that the profile knows: synaptic events, neuron updates (of N T, as
    membranes are not looked at), spikes, memory where it is priced apart. Where sources conflict, the middle
    of low and high. A static input is computed at every step. Weights are random, so that this is an
    estimate: training changes the rates.
    """
    assert evidence.pricing is not None, "energy is measured where a profile is given"
    prices = evidence.pricing.prices(evidence.wiring, evidence.steps, tuple(evidence.counts[0]))
    means = ({name: n / evidence.samples for name, n in counts.items()} for counts in evidence.counts)
    return fmean(middle(prices, each) for each in means) / PJ_PER_NJ


FITNESS = Fitness(
    name="energy",
    title="energy per sample in nJ, estimated",
    better=Better.LOWER,
    source="counts x the published energies of a profile (--energy-profile)",
    measure=energy,
    priced=True,
)
