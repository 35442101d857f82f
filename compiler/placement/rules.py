"""What a chip cannot do with a network, whatever core its neurons lie on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from msc.compiler.placement.capacity import Resource
from msc.compiler.placement.profile import Profile
from msc.ir.errors import Problem
from msc.ir.fixed import on_host
from msc.ir.network import Network, Weights
from msc.ir.neurons import FixedLIF, InputKind, Source

_FIXES: Mapping[Resource, str] = {
    Resource.NEURONS: "choose a profile with larger cores",
    Resource.MEMORY: "narrow or pool what feeds it",
    Resource.INPUT_AXONS: "narrow or pool what feeds it",
    Resource.OUTPUT_AXONS: "let it feed fewer or smaller populations",
    Resource.THRESHOLDS: "choose a profile with larger cores",
}


def too_large(
    name: str, needed: Mapping[Resource, int], limits: Mapping[Resource, int], profile: str
) -> Iterator[Problem]:
    """Say what one neuron of a population needs more of than a core has."""
    for resource, amount in needed.items():
        yield Problem(
            f"population {name}",
            f"one neuron needs {amount} {resource.words}, a core of {profile} has {limits[resource]}",
            _FIXES[resource],
        )


def broken_rules(network: Network, weights: Weights, profile: Profile) -> Iterator[Problem]:
    """List spikes, weights, decays and delays that a chip does not have; what is not known is no rule."""
    yield from _graded_spikes(network, profile)
    yield from _wide_weights(network, weights, profile)
    yield from _fine_decays(network, profile)
    yield from _long_delays(network, profile)


def _graded_spikes(network: Network, profile: Profile) -> Iterator[Problem]:
    source = network.source.neuron
    assert isinstance(source, Source)
    if source.kind is InputKind.EVENTS or profile.has("graded_spikes"):
        return
    for projection in network.out_of(network.source.name):
        if not on_host(projection):
            yield Problem(
                f"projection {projection.name}",
                f"sends graded spikes, which {profile.name} does not have",
                "use --option input=bias",
            )


def _wide_weights(network: Network, weights: Weights, profile: Profile) -> Iterator[Problem]:
    """Find weights that a sign mode and the chip's bits do not hold: at most 2^bits in magnitude."""
    bits = profile.limit("weight_bits")
    assert bits is not None  # no profile is read without
    for projection in network.projections:
        if on_host(projection):
            continue
        for index in range(len(projection.ops)):
            weight = weights.get(projection.weight_key(index))
            if weight is None or not weight.size:
                continue
            largest = int(np.abs(weight).max())
            if largest > 2**bits:
                yield Problem(
                    f"projection {projection.name}",
                    f"has weights up to {largest}, {profile.name} holds {bits} bits and a sign mode",
                    "quantise the network",
                )


def _fine_decays(network: Network, profile: Profile) -> Iterator[Problem]:
    bits = profile.limit("decay_bits")
    for population in network.populations:
        neuron = population.neuron
        if bits is None or not isinstance(neuron, FixedLIF):
            continue
        largest = max(neuron.decay_u, neuron.decay_v)
        if largest >= 2**bits:
            yield Problem(
                f"population {population.name}",
                f"has a decay of {largest}, {profile.name} holds {bits} bits",
                "choose a profile with more bits",
            )


def _long_delays(network: Network, profile: Profile) -> Iterator[Problem]:
    """Find delays between neurons that synapses do not have; the step that each takes is no delay."""
    most = profile.limit("synaptic_delay")
    for projection in network.projections:
        if most is None or projection.source == network.source.name:
            continue
        if projection.delay - 1 > most:
            yield Problem(
                f"projection {projection.name}",
                f"takes {projection.delay} steps, synapses of {profile.name} take at most {most + 1}",
                "retime the network",
            )
