"""Runs with counts that a test chooses, of networks that never ran, and what terms of them cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from msc.compiler.energy.prices import Term, means
from msc.compiler.energy.pricing import price
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import StaticInput
from msc.compiler.figures import Figure, Status
from msc.ir.activity import Activity, Column, Quantity
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import LI, LIF, InputKind, Neuron, Source
from msc.ir.ops import Conv2d, Flatten, Linear
from msc.ir.synapses import Wiring, wire

EVERY_STEP, ONCE = StaticInput.EVERY_STEP, StaticInput.ONCE


def ran(
    wiring: Wiring,
    steps: int,
    events: Mapping[str, Sequence[int]],
    spikes: Mapping[str, Sequence[int]],
    updates: Mapping[str, Sequence[int]] | None = None,
    more: Mapping[Column, Sequence[int]] | None = None,
) -> Activity:
    """An activity with these counts, sample by sample; a population's first neuron has all its spikes."""
    columns = {
        **{(Quantity.EVENTS, name): counts for name, counts in events.items()},
        **{(Quantity.SPIKES, name): counts for name, counts in spikes.items()},
        **{(Quantity.UPDATES, name): counts for name, counts in (updates or {}).items()},
        **(more or {}),
    }
    table = np.array(list(columns.values()), np.int64).T
    per_neuron = {name: np.zeros(shape, np.int64) for name, shape in wiring.shapes.items()}
    for name, counts in spikes.items():
        per_neuron[name].flat[0] = sum(counts)
    outputs = np.zeros((len(table), *wiring.shapes[wiring.network.output]))
    raster = {name: np.zeros((steps, int(np.prod(shape))), bool) for name, shape in wiring.shapes.items()}
    return Activity(steps, tuple(columns), table, per_neuron, outputs, raster)


def dense(
    kind: InputKind = InputKind.EVENTS,
    hidden: Neuron | None = None,
    bias: bool = False,
    delay: int = 0,
    last: Neuron | None = None,
) -> Wiring:
    """Six inputs, four hidden neurons, two outputs, all to all: 24 and 8 synapses."""
    populations = (
        Population("input", Source((6,), kind)),
        Population("h", hidden or LIF(), bias),
        Population("out", last or LIF(), bias),
    )
    projections = (
        Projection("first", "input", "h", (Linear(4),), delay=delay),
        Projection("second", "h", "out", (Linear(2),)),
    )
    return wire(Model(Network(populations, projections, "out", 4 if kind is InputKind.STATIC else None)))


def a7() -> Wiring:
    """The network of shared/facts A7: 1-12-24 channels at stride 2, then 10 classes; 147,132 synapses."""
    populations = (
        Population("input", Source((1, 28, 28))),
        Population("conv1", LIF()),
        Population("conv2", LIF()),
        Population("out", LI()),
    )
    projections = (
        Projection("first", "input", "conv1", (Conv2d(12, (3, 3), (2, 2), (1, 1)),)),
        Projection("second", "conv1", "conv2", (Conv2d(24, (3, 3), (2, 2), (1, 1)),)),
        Projection("third", "conv2", "out", (Flatten(), Linear(10))),
    )
    return wire(Model(Network(populations, projections, "out", 4)))


def a7_ran(wiring: Wiring) -> Activity:
    """Its counts there: 41,684 MACs in four steps, 53,164 ACs, 1,537 spikes."""
    events = {"first": [41684], "second": [47044], "third": [6120]}
    spikes = {"input": [1600], "conv1": [925], "conv2": [612], "out": [40]}
    return ran(wiring, 4, events, spikes)


def term_of(
    name: str,
    wiring: Wiring,
    profile: EnergyProfile,
    activity: Activity,
    static_input: StaticInput = EVERY_STEP,
) -> Term:
    """Price one term of a run."""
    found = price(wiring, activity.steps, profile, static_input, activity.columns)
    return next(term for term in found if term.name == name)


def cost(term: Term, activity: Activity) -> tuple[float, float]:
    """The least and the most picojoules per sample of a term that is known."""
    assert term.price is not None, term.note
    found = term.price.total(means(activity))
    return found.low, found.high


def conflicting(profile: EnergyProfile, **bounds: tuple[float, float]) -> EnergyProfile:
    """Let the sources of some energies differ."""
    energies = dict(profile.energies)
    for name, (low, high) in bounds.items():
        energies[name] = replace(energies[name], low=low, high=high, status=Status.CONFLICTING)
    return replace(profile, energies=energies)


def figure(value: float, unit: str = "pJ") -> Figure:
    """A published figure."""
    return Figure(value, unit, "made up", 2020, Status.PUBLISHED)
