"""Says how an energy report counts and prices, and what it leaves out."""

from __future__ import annotations

from msc.search.reporting.markup import bullets, section

_TITLE = "How it was counted"
_COUNTED = (
    "Nothing was measured on hardware: these are exact counts of what the network did in a simulation, times "
    "published energies.",
    "Counts are whole numbers, taken from every spike of every sample; a mean is their sum over the number "
    "of samples. Names are NeuroBench's: effective ACs and MACs, dense, membrane updates.",
    "A synaptic event counts if it arrives within the time steps of the sample. A chain of operations joins "
    "two neurons by one synapse, however many of its windows overlap.",
    "Normalisation is folded into the weights and costs nothing; a bias is part of the neuron update.",
    "Memory, where a profile prices it: each event reads a weight, and reads and writes a potential; each "
    "update reads and writes its potential; each spike writes and reads an address. A buffer lies in the "
    "smallest memory of the profile that holds it, or in banks of the largest.",
    "The dense twin reads each weight once and writes and reads each activation once (low), or reads a "
    "weight and an activation for every multiplication (high). Its accumulators cost nothing.",
    "The 95 % interval is the mean ± 1.96 standard errors from 30 samples on, below that percentiles of "
    "bootstrap resamples; of one sample there is none. It covers the choice of samples, and not errors of "
    "the constants.",
)
_LEFT_OUT = (
    "Leakage and clocks, unless the profile gives static power and step time.",
    "Messages between cores, unless the network was placed and the profile prices them.",
    "Reading the input, turning it into spikes, and reading the decision; DRAM; the host.",
    "Learning.",
)


def method_section() -> str:
    """Write the method, and what is not modelled."""
    return section("method", _TITLE, bullets(_COUNTED), "<h3>What is not modelled</h3>", bullets(_LEFT_OUT))
