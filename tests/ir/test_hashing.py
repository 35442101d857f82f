"""Hashes name what is computed, not how it was declared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Network
from msc.ir.neurons import LIF
from msc.ir.text import parse_network, print_network
from tests.networks import NETWORKS, conv, edge
from tests.strategies import networks, shuffled

CHAIN = NETWORKS["chain"].network


@given(networks(), st.integers(0, 99))
@settings(max_examples=30)
def test_the_order_of_declaration_does_not_count(network: Network, seed: int) -> None:
    other = shuffled(network, seed)
    assert network_hash(other) == network_hash(network)
    assert network_hash(parse_network(print_network(other))) == network_hash(network)


def test_fixtures_differ() -> None:
    assert len({network_hash(model.network) for model in NETWORKS.values()}) == len(NETWORKS)
    assert all(len(network_hash(model.network)) == 64 for model in NETWORKS.values())


@pytest.mark.parametrize(
    "other",
    [
        replace(CHAIN, timesteps=5),
        replace(CHAIN, output="b"),
        CHAIN.with_projections((*CHAIN.projections, edge("a", "b", conv(4), delay=1, number=2))),
        CHAIN.with_projections((replace(CHAIN.projections[0], delay=1), *CHAIN.projections[1:])),
        replace(
            CHAIN, populations=(*CHAIN.populations[:3], replace(CHAIN.populations[3], neuron=LIF(tau=3.0)))
        ),
        replace(CHAIN, populations=(*CHAIN.populations[:3], replace(CHAIN.populations[3], bias=False))),
    ],
)
def test_every_part_counts(other: Network) -> None:
    assert network_hash(other) != network_hash(CHAIN)


def test_a_source_has_no_bias_to_count() -> None:
    other = replace(CHAIN, populations=(replace(CHAIN.populations[0], bias=False), *CHAIN.populations[1:]))
    assert network_hash(other) == network_hash(CHAIN)


def test_weights_hash_counts_names_shapes_and_values_but_not_order_or_layout() -> None:
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)
    reference = weights_hash({"a": a, "b": b})
    assert weights_hash({"b": b, "a": a}) == reference
    assert weights_hash({"a": np.asfortranarray(a), "b": b}) == reference
    assert weights_hash({"a": a.astype(">f4"), "b": b}) == reference
    others = [
        {"a": a},
        {"a": a.T, "b": b},
        {"b": a, "a": b},
        {"a": a.reshape(3, 2), "b": b},
        {"a": a + 1, "b": b},
    ]
    hashes = {reference, *(weights_hash(other) for other in others)}
    assert len(hashes) == 1 + len(others)
