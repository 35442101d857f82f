"""Firing rates of populations and of whole networks, from their responses to batches."""

from __future__ import annotations

from collections.abc import Sequence

from msc.search.scoring.responses import Response


def population_rates(batches: Sequence[Sequence[Response]]) -> dict[str, float]:
    """Mean rate of each population over batches, in spikes per neuron and step."""
    return {
        population[0].population: sum(response.rate for response in population) / len(batches)
        for population in zip(*batches, strict=True)
    }


def mean_rate(batches: Sequence[Sequence[Response]]) -> float:
    """Mean rate of all neurons over batches, in spikes per neuron and step."""
    neurons = {response.population: response.neurons for response in batches[0]}
    rates = population_rates(batches)
    return sum(rate * neurons[name] for name, rate in rates.items()) / sum(neurons.values())
