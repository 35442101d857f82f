"""What a network did while it was shown samples: a table of exact counts, a row for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.ops import Quantise

Integers: TypeAlias = NDArray[np.int64]


class Quantity(Enum):
    """What a column counts per sample, of a projection (`events`) or of a population (the others).

    `events`: synaptic events, each delivered within the T steps; of a static source those of every step.
    `spikes`: spikes, of other emitters values that are not 0. `updates`: membranes that a step changed
    (NeuroBench's MembraneUpdates: at the first step, every neuron). The others are of messages between the
    cores of a chip: one for each spike and core that it goes to, and the hops that they take.
    """

    EVENTS = "events"
    SPIKES = "spikes"
    UPDATES = "updates"
    MESSAGES = "messages"
    WITHIN_TILE = "messages within a tile"
    EAST_WEST = "hops east or west"
    NORTH_SOUTH = "hops north or south"
    BETWEEN_CHIPS = "messages between chips"


Column: TypeAlias = tuple[Quantity, str]
"""A quantity, and the name of the projection or population it is counted for."""


@dataclass(frozen=True, eq=False)
class Readout:
    """A column that weighs spikes: sum over t < T - delay and neurons n of [emitted(t, n) != 0] per_spike[n].

    `per_spike` is int64 of the population's shape: a projection's fan-out, the cores a spike is sent to.
    `quantise` is applied first where the projection begins with one; `once` counts the first step alone (a
    static frame whose current a host computes and gives to biases).
    """

    column: Column
    population: str
    per_spike: Integers
    delay: int = 0
    quantise: Quantise | None = None
    once: bool = False


@dataclass(frozen=True, eq=False)
class Activity:
    """What populations and synapses did over `steps` time steps, sample by sample.

    `table` is int64 [samples, columns]; without `updates` columns, membranes were not seen. `per_neuron`
    holds each neuron's spikes over all samples, int64 [*shape], by population (the source too); `outputs`
    what each output neuron emitted over all steps, [samples, *shape]; `raster` the first sample's emissions
    by population, bool [steps, neurons] (as many of the first steps and of evenly chosen neurons as are
    drawn).
    """

    steps: int
    columns: tuple[Column, ...]
    table: Integers
    per_neuron: Mapping[str, Integers]
    outputs: NDArray[np.float64]
    raster: Mapping[str, NDArray[np.bool_]]

    @property
    def samples(self) -> int:
        """How many samples were shown."""
        return len(self.table)

    @property
    def saw_membranes(self) -> bool:
        """Whether membrane updates were counted."""
        return any(quantity is Quantity.UPDATES for quantity, _ in self.columns)

    def total(self, quantity: Quantity, name: str | None = None) -> int:
        """Add up a quantity over all samples, of one projection or population or (None) of all."""
        wanted = [i for i, (q, n) in enumerate(self.columns) if q is quantity and name in (None, n)]
        return int(self.table[:, wanted].sum())

    def per_sample(self, quantity: Quantity, name: str | None = None) -> Integers:
        """Count a quantity sample by sample: int64 [samples]."""
        wanted = [i for i, (q, n) in enumerate(self.columns) if q is quantity and name in (None, n)]
        return self.table[:, wanted].sum(axis=1)

    def mean(self, quantity: Quantity, name: str | None = None) -> float:
        """Average a quantity over the samples."""
        return self.total(quantity, name) / self.samples
