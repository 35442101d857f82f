"""Chains of layers become .net files that real netx runs as the reference does; others are told why not."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from msc.backends.lava.emulator import emulate
from msc.backends.lava.netx import netx_file, netx_obstacles, netx_settings
from msc.backends.lava.processes import supervised
from msc.compiler.driver import find_target, lower
from msc.compiler.initialise import draw_input, random_model
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import machine_input
from msc.ir.network import Model, Network, Sign
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Quantise
from msc.ir.simulate import simulate
from msc.search.lower import require_connected
from tests.backends.lava.bundles import machine_model, write
from tests.fixed_networks import CURRENT, KEEPING, LEAKY, SLOW, fixed, graded, sample
from tests.networks import EVENTS, PIXELS, conv, edge, net
from tests.requires import require_lava
from tests.search.sample_genomes import layered

SECONDS = 240.0
CHAINS: dict[str, Network] = {
    "convolutions": net(
        EVENTS,
        {"a": LEAKY, "b": SLOW, "out": CURRENT},
        edge("input", "a", conv(4, groups=2)),
        edge("a", "b", Conv2d(5, (3, 2), (2, 1), (1, 2), (2, 1))),
        edge("b", "out", Flatten(), Linear(6)),
    ),
    "graded": net(
        PIXELS,
        {"a": LEAKY, "b": LEAKY, "out": LEAKY},
        edge("input", "a", *graded(conv(4))),
        edge("a", "b", conv(5, stride=2), sign=Sign.EXCITATORY),
        edge("b", "out", Flatten(), Linear(6)),
        timesteps=12,
    ),
    "matrices": net(
        Source((3, 2, 2), InputKind.EVENTS),
        {"a": LEAKY, "b": SLOW, "out": KEEPING},
        edge("input", "a", Flatten(), Linear(10)),
        edge("a", "b", Linear(7), sign=Sign.EXCITATORY),
        edge("b", "out", Linear(5)),
    ),
}


def coarse(network: Network, seed: int = 3) -> Model:
    """A network in machine time whose biases are multiples of 64, some of which fire by themselves."""
    machine = RETIME.run(fixed(network, seed)).model
    weights = {
        name: (64 * np.rint(array / 64)).astype(np.float32) if name.endswith("/bias") else array
        for name, array in machine.weights.items()
    }
    return Model(machine.network, weights)


def sent_to(machine: Model, inputs: NDArray[Any]) -> NDArray[np.int32]:
    """What a host sends to netx for the first sample, step by step."""
    (first,) = machine.network.out_of("input")
    shown, steps = machine_input(machine.network, inputs)
    source = machine.network.source.neuron
    assert isinstance(source, Source)
    frames = np.stack([shown] * steps) if source.kind is InputKind.STATIC else shown
    values = frames[:, 0].astype(np.float64)
    if isinstance(first.ops[0], Quantise):
        values = np.clip(np.rint(values * first.ops[0].scale), -first.ops[0].limit, first.ops[0].limit)
    flat = values.reshape(steps, -1) if isinstance(first.ops[-1], Linear) else values
    return flat.astype(np.int32)


def on_netx(machine: Model, folder: Path, inputs: NDArray[Any]) -> list[NDArray[np.uint8]]:
    """Run the .net file on real netx; returns what each layer fired, one row per machine step."""
    python = require_lava("lava-dl")
    write(folder, machine)
    (folder / "network.net").write_bytes(netx_file(machine))
    np.save(folder / "sent.npy", sent_to(machine, inputs))
    driver = Path(__file__).with_name("netx_driver.py")
    with supervised() as run:
        ended = run.call([python, driver, folder, json.dumps(dict(netx_settings(machine)))], SECONDS)
    assert ended.code == 0, ended.stderr
    steps = len(np.load(folder / "sent.npy"))
    neurons = [p for p in machine.network.populations if not p.is_source]
    return [np.fromfile(folder / f"layer{i}", np.uint8).reshape(steps, -1) for i in range(len(neurons))]


@pytest.mark.parametrize("name", CHAINS)
def test_netx_fires_as_the_reference_in_every_layer(name: str, tmp_path: Path) -> None:
    require_lava("lava-dl")
    machine = coarse(CHAINS[name])
    assert netx_obstacles(machine) == ()
    inputs = sample(machine.network, batch=1)
    layers = on_netx(machine, tmp_path, inputs)
    shown, steps = machine_input(machine.network, inputs)
    expected = simulate(machine, shown, steps if machine.network.timesteps else None)
    assert_fired(machine, layers, expected.spikes, steps)


def assert_fired(
    machine: Model, layers: list[NDArray[np.uint8]], expected: Mapping[str, NDArray[Any]], steps: int
) -> None:
    """Check every layer's spikes from its start on."""
    neurons = [p for p in machine.network.populations if isinstance(p.neuron, FixedLIF)]
    for population, fired in zip(neurons, layers, strict=True):
        assert isinstance(population.neuron, FixedLIF)
        start = population.neuron.start
        spikes = expected[population.name][:, 0]
        axes = (0, *range(spikes.ndim - 1, 0, -1))  # netx has width first, channels last
        rows = spikes.transpose(axes).reshape(steps, -1)
        assert rows.any()
        np.testing.assert_array_equal(fired[start:], rows[start:])


# Genomes whose live network is a chain: those of more layers have skips.
SEQUENCES: dict[str, dict[str, Any]] = {
    "static": {"op": 1, "input": "static"},
    "events": {"op": 2, "input": "events", "channels": 6},
    "reduction": {"op": 1, "input": "static", "reductions": [0], "input_shape": [3, 9, 7]},
}


def sequential(op: int, **skeleton: Any) -> tuple[Model, NDArray[Any]]:
    """A genome of one layer with one population, as the target lowers it with coarse biases; its input."""
    network = require_connected(layered([(1, [op])], timesteps=6, **skeleton)).network
    assert network is not None
    assert isinstance(network.source.neuron, Source)
    machine = lower(random_model(network, op), find_target("lava"), {"biases": "coarse"})
    return machine, draw_input(network.source.neuron, 1, 1, 6)


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequential_genomes_fire_on_netx_as_the_emulator_says(name: str, tmp_path: Path) -> None:
    require_lava("lava-dl")
    machine, inputs = sequential(**SEQUENCES[name])
    assert netx_obstacles(machine) == ()
    layers = on_netx(machine, tmp_path, inputs)
    shown, steps = machine_input(machine.network, inputs)
    expected = emulate(machine, shown, steps)
    assert expected.spikes[machine.network.output].any()
    assert_fired(machine, layers, expected.spikes, steps)


def test_fine_biases_are_refused_in_one_sentence() -> None:
    """The default of the target is more exact than a .net file can be."""
    network = require_connected(layered([(1, [1])], timesteps=6)).network
    assert network is not None
    obstacles = netx_obstacles(lower(random_model(network, 1), find_target("lava"), {}))
    assert "Population layer1.A has biases that are no multiples of 64, netx's unit." in obstacles


def opened(machine: Model) -> h5py.File:
    return h5py.File(io.BytesIO(netx_file(machine)), "r")


def test_the_file_has_the_layers_that_netx_knows() -> None:
    machine = coarse(CHAINS["convolutions"])
    with opened(machine) as file:
        kinds = [file[f"layer/{i}/type"][0].decode() for i in range(len(file["layer"]))]
        assert kinds == ["input", "conv", "conv", "flatten", "dense"]
        neuron = file["layer/4/neuron"]
        assert {name: int(neuron[name][()]) for name in ("iDecay", "vDecay")} == {
            "iDecay": 1001,
            "vDecay": 700,
        }
        np.testing.assert_array_equal(file["layer/2/shape"], [5, 2, 9])
        np.testing.assert_array_equal(64 * file["layer/1/bias"][()], machine.weights["a/bias"])
        np.testing.assert_array_equal(file["layer/2/neuron/vThMant"], machine.weights["b/threshold"])


def test_one_threshold_is_written_as_one_number() -> None:
    machine = coarse(CHAINS["matrices"])
    same = Model(machine.network, {**machine.weights, "b/threshold": np.full(7, 90, np.float32)})
    with opened(same) as file:
        assert file["layer/2/neuron/vThMant"][()] == 90


def test_the_same_network_makes_the_same_bytes() -> None:
    assert netx_file(coarse(CHAINS["graded"])) == netx_file(coarse(CHAINS["graded"]))


def test_the_file_says_how_it_must_be_read() -> None:
    machine = coarse(CHAINS["graded"])
    assert netx_settings(machine) == {"input_message_bits": 8, "reset_interval": 2**30, "reset_offset": 1}
    assert "input_message_bits" not in netx_settings(coarse(CHAINS["matrices"]))
    with opened(machine) as file:
        assert dict(file.attrs) == netx_settings(machine)


@pytest.mark.parametrize("name", ["everything", "vectors", "deep"])
def test_networks_that_are_no_chain_have_one_reason(name: str) -> None:
    assert netx_obstacles(machine_model(name)) == (
        "netx reads chains of layers, and this network branches, joins or recurs.",
    )


def test_every_bias_that_netx_cannot_hold_is_told() -> None:
    machine = RETIME.run(fixed(CHAINS["matrices"], 3)).model
    assert netx_obstacles(machine) == tuple(
        f"Population {name} has biases that are no multiples of 64, netx's unit."
        for name in ("a", "b", "out")
    )
    large = {**coarse(CHAINS["matrices"]).weights, "a/bias": np.full(10, 64 * 4096, np.float32)}
    assert netx_obstacles(Model(machine.network, large)) == ("Population a has a bias above 4095 times 64.",)


def test_delays_groups_and_inhibitory_matrices_are_told() -> None:
    network = net(
        Source((129, 2, 2), InputKind.EVENTS),
        {"a": LEAKY, "b": LEAKY, "out": LEAKY},
        edge("input", "a", conv(129, 1, groups=129)),
        edge("a", "b", conv(3), delay=2),
        edge("b", "out", Flatten(), Linear(3), sign=Sign.INHIBITORY),
    )
    found = netx_obstacles(coarse(network))
    assert "Projection input>a has 129 groups, a Conv of Lava's 127." in found
    assert "Matrix b>out has no weight above 0, and netx changes such matrices." in found
    assert [text for text in found if "has a delay, and netx has none for convolutions" in text]


def test_a_delayed_input_is_told() -> None:
    network = replace(
        CHAINS["matrices"],
        projections=(
            replace(CHAINS["matrices"].projections[0], delay=1),
            *CHAINS["matrices"].projections[1:],
        ),
    )
    assert netx_obstacles(coarse(network))[0].startswith("Projection input>a has a delay")


def test_an_input_given_as_bias_is_told() -> None:
    machine = machine_model("bias_input")
    kept = {"input", "a"}
    network = Network(
        tuple(p for p in machine.network.populations if p.name in kept),
        tuple(p for p in machine.network.projections if p.target == "a"),
        "a",
        machine.network.timesteps,
    )
    assert netx_obstacles(Model(network, machine.weights)) == (
        "The input is a bias of its own for each sample, and a .net file is the same for all.",
    )
