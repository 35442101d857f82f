"""Energy and synaptic operations of a search are what `msc energy` counts and prices for the same spikes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msc.backends.pytorch import SpikingNetwork
from msc.compiler.energy.prices import SYNAPTIC, means
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import EnergyProfileError, load_energy_profile
from msc.compiler.energy.runs import StaticInput
from msc.compiler.initialise import draw_input, initial_model
from msc.ir.activity import Activity, Quantity
from msc.ir.network import Model
from msc.ir.neurons import LIF, Source
from msc.ir.ops import Linear
from msc.ir.recorder import Recorder
from msc.ir.synapses import Operation, operation, wire
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.scoring.fitness import Evidence
from msc.search.scoring.fitness.energy import energy
from msc.search.scoring.fitness.synops import synops
from msc.search.scoring.pricing import PricingError, parse_pricing
from tests.networks import edge, net
from tests.search.scoring.fitness.spikes import SHAPES, evidence, random_batch

GENOMES = {
    "static frames": ("mse-nas", 1, {}),
    "feedback": ("mse-nas", 6, {"timesteps": 5}),
    "events": ("mse-nas", 3, {"input": "events", "input_shape": (2, 8, 8), "timesteps": 5}),
    "cells": ("snasnet", 2, {"hidden": 16}),
}
PROFILES = ("loihi1", "loihi1-sanafe", "cmos45-fp32", "cmos45-int8", "spinnaker1")


def run(name: str) -> tuple[Evidence, Activity, Model]:
    """Run a genome's network under initial weights: what a search sees of it, and what is recorded."""
    space, seed, given = GENOMES[name]
    skeleton = {"input_shape": (1, 8, 8), "channels": 4, "layers": 3, **given}
    network = require_connected(new_genome(space, seed, **skeleton)).network  # type: ignore[arg-type]
    assert network is not None
    model = initial_model(network, seed)
    assert isinstance(network.source.neuron, Source)
    x = draw_input(network.source.neuron, seed, 6, 5).astype(np.float32)
    module = SpikingNetwork(network).eval()
    module.load_weights(model.weights)
    with torch.no_grad():
        spikes = {name: values.numpy() for name, values in module.record(torch.from_numpy(x)).items()}
    found = evidence(spikes, network=network, inputs=[x])
    return found, recorded(model, x, spikes), model


def recorded(model: Model, x: NDArray[np.float32], spikes: Mapping[str, NDArray[np.float32]]) -> Activity:
    """Count what `msc energy` counts, without membranes."""
    steps, samples = next(iter(spikes.values())).shape[:2]
    recorder = Recorder(wire(model), steps)
    recorder.begin(samples)
    static = x.ndim == 4
    recorder.take("input", 0, x[None] if static else x, repeats=steps if static else 1)
    for name, values in spikes.items():
        recorder.take(name, 0, values)
    recorder.end()
    return recorder.activity()


@pytest.mark.parametrize("name", GENOMES)
def test_synops_are_the_effective_acs_of_a_report(name: str) -> None:
    found, activity, model = run(name)
    spiking = [p.name for p in model.network.projections if operation(model.network, p) is Operation.AC]
    assert synops(found) == sum(activity.total(Quantity.EVENTS, p) for p in spiking) / activity.samples > 0
    if name == "feedback":
        assert any(p.delay for p in model.network.projections)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", GENOMES)
def test_energy_is_the_middle_of_what_a_report_says(name: str, profile: str) -> None:
    found, activity, model = run(name)
    terms = price(
        wire(model),
        activity.steps,
        load_energy_profile(profile),
        StaticInput.EVERY_STEP,
        activity.columns,
    )
    ends = [term.price.total(means(activity)) for term in terms if term.price is not None]
    expected = sum(each.low + each.high for each in ends) / 2 / 1000
    priced = Evidence(found.network, found.batches, inputs=found.inputs, pricing=parse_pricing(profile))
    assert energy(priced) == pytest.approx(expected, rel=1e-12)
    assert expected > 0


def test_energy_by_hand() -> None:
    """Loihi 1: 23.6 pJ an event, 52 pJ an update, 81 where it is active: any, or those of neurons that fire.

    a's 60 neurons fire in both steps: each on 7 synapses to b, a row of five on 2 + 4 + 4 + 4 + 2 to c, 612
    in all. b and c are silent, the input is black. 71 neurons make 142 updates, 120 to 142 of them active.
    """
    batch = {name: np.full((2, 3, *shape), float(name == "a"), np.float32) for name, shape in SHAPES.items()}
    picojoules = 2 * 612 * 23.6 + 142 * 52 + (120 + 142) / 2 * (81 - 52)
    assert energy(evidence(batch)) == pytest.approx(picojoules / 1000, rel=1e-12)


def test_a_static_frame_is_computed_at_every_step() -> None:
    """2 of 12 values reach 10 neurons in each of 4 steps, 4.6 pJ each; all else is as for a black frame."""
    network = net(Source((12,)), {"out": LIF()}, edge("input", "out", Linear(10)))
    batch = {"out": np.zeros((4, 1, 10), np.float32)}
    frame = np.zeros((1, 12), np.float32)
    frame[0, :2] = 0.5
    pricing = parse_pricing("cmos45-fp32")
    black, lit = (evidence(batch, network=network, inputs=[x], pricing=pricing) for x in (0 * frame, frame))
    prices = pricing.prices(lit.wiring, 4, tuple(lit.counts[0]))
    operations = prices[SYNAPTIC]
    assert operations.total(dict(lit.counts[0])).low == pytest.approx(2 * 10 * 4 * 4.6)
    assert energy(lit) > energy(black) > 0


def test_what_prices_nothing_is_refused_and_says_why() -> None:
    with pytest.raises(PricingError) as caught:
        parse_pricing("loihi2")
    (told,) = str(caught.value).splitlines()
    assert told.startswith(
        "--energy-profile loihi2: prices neither events nor updates of a spiking network: "
    )
    assert told.endswith(
        "; use one of: cmos45-fp16, cmos45-fp32, cmos45-int8, loihi1, loihi1-sanafe, spinnaker1, spinnaker2, "
        "or a .toml file of your own"
    )
    with pytest.raises(EnergyProfileError, match=r"loihi3: there is no such energy profile"):
        parse_pricing("loihi3")


def test_a_factor_of_the_users_prices_every_network_alike() -> None:
    batch = random_batch(1)
    scaled = energy(evidence(batch, pricing=parse_pricing("loihi1*0.5")))
    assert scaled == pytest.approx(energy(evidence(batch)) / 2, rel=1e-12)
