"""Random genomes lower as a second implementation of the rule says, and go through the whole IR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msc.compiler.initialise import random_model
from msc.ir.graph import live_populations
from msc.ir.hashing import network_hash
from msc.ir.network import Model, Network, Sign
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.shapes import weight_shapes
from msc.ir.store import load_model, save_model
from msc.ir.text import parse_network, print_network
from msc.ir.verify import verify
from msc.search.genome import dump_genome, parse_genome
from msc.search.lower import lower
from tests.search.genomes import dropped, mse, names, network_of, random_data, random_genome, snasnet
from tests.search.rule import edges_of, mse_nas_edges, snasnet_edges

GOLDEN = Path(__file__).parent.parent / "golden"


PUBLISHED = {"cifar10": "0303 0030 2002 0200", "cifar100": "0302 0030 3003 0000"}


SPACES = ("mse-nas", "snasnet")


@pytest.mark.parametrize("seed", range(400))
def test_mse_nas_follows_the_rule(seed: int) -> None:
    data = random_data("mse-nas", seed)
    genome = random_genome("mse-nas", seed)
    lowered = lower(genome)
    expected = mse_nas_edges(data)
    if lowered.network is None:
        assert not expected
        return
    assert edges_of(lowered.network) in expected
    assert {end for edge in edges_of(lowered.network) for end in edge[:2]} == set(names(lowered.network))
    check_frame(lowered.network, data)


@pytest.mark.parametrize("seed", range(200))
def test_snasnet_follows_the_rule(seed: int) -> None:
    data = random_data("snasnet", seed)
    network = lower(random_genome("snasnet", seed)).network
    assert (None if network is None else edges_of(network)) == snasnet_edges(data)
    if network is not None:
        check_frame(network, data)


def check_frame(network: Network, data: dict) -> None:
    """Source, neurons, output and steps are the skeleton's."""
    skeleton = data["skeleton"]
    assert network.output == "head"
    assert network.timesteps == skeleton["timesteps"]
    for population in network.populations:
        if population.is_source:
            assert population.name == "input"
            shape = tuple(skeleton["input_shape"])
            assert population.neuron == Source(shape, InputKind(skeleton["input"]))
        else:
            assert population.neuron == LIF(**skeleton["neuron"])
            assert population.bias


def test_the_samples_hold_both_kinds() -> None:
    """The comparison above means something: connected and disconnected, every motif, delays, all signs."""
    for space, seeds in (("mse-nas", range(400)), ("snasnet", range(200))):
        found = [lower(random_genome(space, seed)).network for seed in seeds]
        live = [network for network in found if network is not None]
        assert len(live) >= 100
        assert len(live) < len(found)
        assert sum(any(p.delay for p in network.projections) for network in live) >= 40
        signs = {p.sign for network in live for p in network.projections}
        assert signs >= ({Sign.FREE, Sign.EXCITATORY, Sign.INHIBITORY} if space == "mse-nas" else {Sign.FREE})


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.parametrize("space", SPACES)
def test_names_and_dropped_parts_make_up_the_blueprint(space: str, seed: int) -> None:
    """Each population of the blueprint either lives under a name of its own or is dropped, not both."""
    lowered = lower(random_genome(space, seed))
    asked = [p.name for p in lowered.blueprint.populations]
    assert len(set(asked)) == len(asked)
    if lowered.network is None:
        assert not lowered.names
        assert "head" in dropped(lowered)
        return
    gone = [d.name for d in lowered.dropped]
    assert sorted([*gone, *lowered.names]) == sorted(["input", *asked])
    assert sorted(lowered.names.values()) == sorted(names(lowered.network))
    assert live_populations(lowered.network) == set(names(lowered.network))


def arbitrary_weights(network: Network, seed: int) -> Model:
    """Give every array other values, within the sign rules."""
    rng = np.random.default_rng(seed)
    weights = {}
    signs = {p.name: p.sign for p in network.projections}
    for name, shape in weight_shapes(network).items():
        array = rng.standard_normal(shape).astype(np.float32)
        sign = (
            Sign.EXCITATORY if name.endswith(("gamma", "var")) else signs.get(name.split("/")[0], Sign.FREE)
        )
        if sign is not Sign.FREE:
            array = np.abs(array) * (-1 if sign is Sign.INHIBITORY else 1)
        weights[name] = array
    return Model(network, weights)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("block", range(5))
def test_connected_genomes_go_through_the_whole_ir(space: str, block: int, tmp_path: Path) -> None:
    """300 of them: lower, verify, print and parse, save and load, dump and parse: equal each time."""
    done = 0
    seed = 1000 * (block + 1)
    while done < 30:
        seed += 1
        genome = random_genome(space, seed)
        network = lower(genome).network
        if network is None:
            continue
        done += 1
        verify(network)
        assert parse_network(print_network(network)) == network
        assert parse_genome(dump_genome(genome), "again") == genome
        model = arbitrary_weights(network, seed)
        save_model(tmp_path / "model", model)
        loaded = load_model(tmp_path / "model")
        assert loaded.network == network
        assert loaded.weights.keys() == model.weights.keys()
        assert all(np.array_equal(loaded.weights[name], array) for name, array in model.weights.items())


@pytest.mark.parametrize("space", SPACES)
def test_calibrated_weights_survive_saving(space: str, tmp_path: Path) -> None:
    genome = mse("4: 1 1 1 1 1 1 1 1", "3: 1 1 1 1") if space == "mse-nas" else snasnet(PUBLISHED["cifar10"])
    model = random_model(network_of(genome), 0)
    save_model(tmp_path / "model", model)
    loaded = load_model(tmp_path / "model")
    assert loaded.network == model.network
    assert all(np.array_equal(loaded.weights[name], array) for name, array in model.weights.items())


GOLDENS = {
    "motifs": mse(
        *("1: 1 2", "2: 1 1 2 1", "3: 2 1 1 1", "4: 1 2 1 1 1 1 2 1", "5: 1 1 1 2 1 1 1 1 1"),
        g1=2,
        g2=2,
        reductions=[1, 3],
    ),
    "empty_and_dead": mse("2: 0 1 1 1", "0:", "2: 1 1 0 1", "1: 1 0", g1=1, reductions=[1], input="events"),
    "snasnet_cifar10": snasnet(PUBLISHED["cifar10"]),
    "snasnet_cifar100_synaptic": snasnet(PUBLISHED["cifar100"], recurrence="synaptic"),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_lowered_networks_stay_what_they_were(name: str) -> None:
    """Read the file to see what a genome becomes; a change here changes every hash."""
    network = network_of(GOLDENS[name])
    text = (GOLDEN / f"lowered_{name}.txt").read_text()
    assert print_network(network) == text
    assert network_hash(parse_network(text)) == network_hash(network)
