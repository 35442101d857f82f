"""The random mse-nas genomes on which emulator, recorded traces and real Lava are compared.

Weights are drawn without sums of floats, inputs without matrix products: the same integers result on every
machine, so that recorded traces stay true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import Options, Property
from msc.compiler.driver import find_target, lower
from msc.compiler.initialise import draw_input
from msc.ir.network import Model, Network, NormKind, Sign
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.shapes import population_shapes, projection_shapes, weight_shapes
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Dale

STEPS = 40
SAMPLES = 2
CASES = tuple(range(40))
RERUN = (0, 4, 24, 29, 32)  # on real Lava by the tests: small ones of every kind of input, four with cycles
SHAPES = ((2, 6, 6), (1, 8, 8), (2, 7, 5), (3, 6, 4))
INPUTS = ("graded", "events", "bias")
NEURONS = (LIF(2.0, 2.0, 0.5), LIF(2.0, 2.0, 0.5), LIF(3.0, 3.0, 0.7), LIF(1.5, 1.0, 1.0))


@dataclass(frozen=True)
class Case:
    """A network with weights, the input it is shown, and how it is compiled."""

    model: Model
    inputs: NDArray[Any]
    steps: int | None
    options: Options

    def until(self, wanted: Property) -> Model:
        """Run the target's passes as far as `wanted`."""
        return lower(self.model, find_target("lava"), self.options, until=wanted)


@cache
def case(number: int) -> Case:
    """Draw genome `number`, again until its output is alive: comparing silence would show nothing.

    Every second one is drawn again until it has a cycle, too.
    """
    for candidate in range(number, 10_000, 100):
        network = _network(number, candidate)
        if number % 2 == 0 and not any(p.delay for p in network.projections):
            continue
        model = Model(network, _weights(network, candidate))
        source = network.source.neuron
        assert isinstance(source, Source)
        inputs = draw_input(source, candidate, SAMPLES, STEPS)
        steps = STEPS if source.kind is InputKind.STATIC else None
        outputs = simulate(model, inputs, steps).outputs
        if 0.05 <= outputs.mean() <= 0.7 and (outputs[:, :1] != outputs[:, 1:]).any():
            return Case(model, inputs, steps, _options(number))
    raise AssertionError(f"no candidate of case {number} is alive")


def _options(number: int) -> dict[str, str]:
    options = {"thresholds": ("channel", "population")[number // 3 % 2]}
    match INPUTS[number % 3]:
        case "bias":
            return options | {"input": "bias", "profile": "loihi1"}
        case "events":
            return options
        case _:
            return options | {"input": "graded", "profile": "loihi2"}


def _network(number: int, seed: int) -> Network:
    genome = new_genome(
        "mse-nas",
        seed,
        input="events" if INPUTS[number % 3] == "events" else "static",
        input_shape=SHAPES[number % 4],
        classes=3,
        votes=2,
        channels=2 + number % 3,
        layers=2 + number % 4,
        timesteps=STEPS,
        neuron=NEURONS[number // 2 % 4],
        dale=(Dale.INHIBITORY, Dale.INHIBITORY, Dale.NONE, Dale.MOTIF)[number // 5 % 4],
    )
    network = require_connected(genome).network
    assert network is not None
    return network


def _weights(network: Network, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw weights whose currents are about as large as the threshold, and norms that look trained."""
    rng = np.random.default_rng([seed, 5])
    neuron = network.population(network.output).neuron
    assert isinstance(neuron, LIF)
    unit = 2 * neuron.v_threshold * neuron.tau / neuron.r  # of currents; 1 for the usual neuron
    shapes = population_shapes(network)
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in weight_shapes(network, shapes).items():
        weights[name] = (unit * rng.normal(0.2, 0.25, shape)).astype(np.float32)
    for projection in network.projections:
        chain = projection_shapes(projection, shapes[projection.source])
        fan_in = 1.0
        for index in range(len(projection.ops)):
            key = projection.weight_key(index)
            if key in weights:
                fan_in = float(prod(weights[key].shape[1:]))
                spread = (1 if projection.norm else unit) / sqrt(0.25 * fan_in)
                drawn = rng.normal(0, spread, weights[key].shape)
                weights[key] = _signed(drawn, projection.sign).astype(np.float32)
        if projection.norm is not None:
            weights |= _norm(rng, projection, chain[-1][0], fan_in, unit)
    return weights


def _signed(drawn: NDArray[np.float64], sign: Sign) -> NDArray[np.float64]:
    match sign:
        case Sign.EXCITATORY:
            return np.abs(drawn)
        case Sign.INHIBITORY:
            return -np.abs(drawn)
        case Sign.FREE:
            return drawn


def _norm(
    rng: np.random.Generator, projection: Any, channels: int, fan_in: float, unit: float
) -> dict[str, Any]:
    """Draw a norm around the statistics its weights and inputs that fire a quarter of the time would have."""
    sides = {Sign.EXCITATORY: 1.0, Sign.INHIBITORY: -1.0, Sign.FREE: 0.0}
    mean = sides[projection.sign] * 0.4 * sqrt(fan_in)
    centred = projection.norm.kind is NormKind.BATCH
    power = rng.uniform(0.7, 1.4, channels) + (0.0 if centred else mean**2)
    drawn = {"gamma": unit * rng.uniform(0.3, 0.8, channels), "var": power}
    if centred:
        drawn["mean"] = rng.normal(mean, 0.2, channels)
    return {projection.norm_key(name): values.astype(np.float32) for name, values in drawn.items()}


def told(spikes: Mapping[str, NDArray[Any]], voltages: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Sum up a run in reviewable text: per population its spikes, their hash, the hash of its voltages."""
    return {
        name: {
            "spikes": int(spikes[name].sum(dtype=np.int64)),
            "spikes_sha256": _sha256(spikes[name].astype(np.uint8)),
            "voltages_sha256": _sha256(voltages[name].astype(np.int32)),
        }
        for name in sorted(spikes)
    }


def _sha256(array: NDArray[Any]) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return sha256(repr(array.shape).encode() + little.tobytes()).hexdigest()[:32]
