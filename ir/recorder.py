"""Counts what a network does while a simulator runs it, batch by batch and span of steps by span of steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.activity import Activity, Column, Integers, Quantity, Readout
from msc.ir.fixed import on_host
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.ops import Quantise, Shape
from msc.ir.synapses import Wiring
from msc.ir.tally import Scratch, Tally

Floats: TypeAlias = NDArray[np.float64]

RASTER_STEPS = 200
RASTER_NEURONS = 64


def readouts_of(wiring: Wiring) -> tuple[Readout, ...]:
    """Say how each projection's synaptic events are counted, in declaration order.

    Each non-zero emission of a source neuron counts its synapses with weights that are not zero, if it is
    delivered within the T steps. What a host makes of a static frame it makes once.
    """
    source = wiring.network.source.neuron
    static = isinstance(source, Source) and source.kind is InputKind.STATIC
    return tuple(
        Readout(
            (Quantity.EVENTS, projection.name),
            projection.source,
            wiring.synapses[projection.name].fan_out,
            projection.delay,
            next((op for op in projection.ops[:1] if isinstance(op, Quantise)), None),
            static and on_host(projection),
        )
        for projection in wiring.network.projections
    )


class Rows:
    """A table that grows by batches of rows, all 0 at first.

    One array that doubles: an array for each batch, which stays, would lie between larger ones that come and
    go, and keep the memory of all of them.
    """

    def __init__(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        self._array: NDArray[Any] = np.zeros((1, *shape), dtype)
        self._ends = (0, 0)

    def begin(self, rows: int) -> None:
        """Add a batch of rows."""
        first = self._ends[1]
        self._ends = (first, first + rows)
        if self._ends[1] > len(self._array):
            grown = np.zeros(
                (max(2 * len(self._array), self._ends[1]), *self._array.shape[1:]), self._array.dtype
            )
            grown[:first] = self._array[:first]
            self._array = grown

    @property
    def last(self) -> NDArray[Any]:
        """The rows of the last batch."""
        return self._array[slice(*self._ends)]

    @property
    def all(self) -> NDArray[Any]:
        """The rows of all batches."""
        return self._array[: self._ends[1]]


class Recorder:
    """Counts spikes and synaptic events exactly, in memory that depends on neither steps nor samples.

    For each batch: `begin`, then `take` for every population (the source too) and every span of steps, then
    `end`. `extra` readouts become columns after the projections' events, the populations' spikes and (with
    `membranes`) their updates. Every count is exact.
    """

    def __init__(
        self, wiring: Wiring, steps: int, extra: Sequence[Readout] = (), membranes: bool = False
    ) -> None:
        network = wiring.network
        names = [p.name for p in network.populations]
        counted = (*readouts_of(wiring), *(_spikes(name, wiring.shapes[name]) for name in names))
        updates = [(Quantity.UPDATES, p.name) for p in network.populations if not p.is_source]
        self._columns: tuple[Column, ...] = (
            *(readout.column for readout in counted),
            *(updates if membranes else ()),
            *(readout.column for readout in extra),
        )
        self._place = {column: place for place, column in enumerate(self._columns)}
        assert len(self._place) == len(self._columns), "a column is counted twice"
        self._steps = steps
        self._output = network.output
        # Sums of spikes are exact in their own numbers, which is faster; those of membranes round.
        self._summed = np.float64 if isinstance(network.population(network.output).neuron, LI) else None
        self._tallies = _tallies(wiring, (*counted, *extra), steps)
        self._shapes = wiring.shapes
        self._drawn = {name: _evenly(prod(wiring.shapes[name]), RASTER_NEURONS) for name in names}
        self._raster = {
            name: np.zeros((min(steps, RASTER_STEPS), len(drawn)), np.bool_)
            for name, drawn in self._drawn.items()
        }
        self._table = Rows((len(self._columns),), np.dtype(np.int64))
        self._outputs = Rows(wiring.shapes[network.output], np.dtype(np.float64))
        self._counts: dict[str, Floats] = {}
        self._batches = 0
        self._taken: dict[str, int] | None = None

    def begin(self, samples: int) -> None:
        """Start a batch of samples."""
        assert self._taken is None, "the batch before has not ended"
        self._taken = dict.fromkeys(self._tallies, 0)
        self._batches += 1
        self._table.begin(samples)
        self._outputs.begin(samples)
        for name, tally in self._tallies.items():
            if name in self._counts and len(self._counts[name]) == samples:
                self._counts[name].fill(0)
            else:
                self._counts[name] = np.zeros((samples, len(tally.columns)))

    def take(
        self,
        population: str,
        first: int,
        emitted: NDArray[Any],
        changed: Integers | None = None,
        repeats: int = 1,
    ) -> None:
        """Count what a population emitted in the steps from `first` on: [steps, B, *shape].

        With `repeats`, `emitted` holds one step that stands for as many; `changed` says for each sample how
        many membranes changed in these steps, [B].
        """
        assert self._taken is not None, "no batch has begun"
        assert repeats == 1 or len(emitted) == 1, "only one step can repeat"
        samples = len(self._table.last)
        assert emitted.shape[1:] == (samples, *self._shapes[population]), f"{population}: {emitted.shape}"
        span = len(emitted) * repeats
        assert first == self._taken[population], f"{population}: steps must come in order"
        self._taken[population] += span
        if self._batches == 1:
            self._draw(population, first, emitted, span)
        if population == self._output:
            self._outputs.last[...] += np.add.reduce(emitted, axis=0, dtype=self._summed)
        updates = self._place.get((Quantity.UPDATES, population))
        assert (updates is None) == (changed is None), f"{population}: membranes must be seen in all steps"
        if updates is not None and changed is not None:
            self._table.last[:, updates] += changed
        self._tallies[population].add(first, emitted, repeats, self._counts[population])

    def end(self) -> None:
        """Finish the batch."""
        assert self._taken is not None, "no batch has begun"
        missed = [name for name, steps in self._taken.items() if steps != self._steps]
        assert not missed, f"not all steps were taken of {', '.join(missed)}"
        self._taken = None
        for name, tally in self._tallies.items():
            places = [self._place[column] for column in tally.columns]
            self._table.last[:, places] = self._counts[name]

    def activity(self) -> Activity:
        """Tell what was counted in all batches."""
        assert self._taken is None, "the last batch has not ended"
        return Activity(
            self._steps,
            self._columns,
            self._table.all.copy(),
            {
                name: tally.per_neuron.astype(np.int64).reshape(self._shapes[name])
                for name, tally in self._tallies.items()
            },
            self._outputs.all.copy(),
            self._raster,
        )

    def _draw(self, population: str, first: int, emitted: NDArray[Any], span: int) -> None:
        """Keep the first sample's emissions of a few neurons and steps."""
        raster = self._raster[population][first : first + span]
        if not len(raster):
            return
        drawn = emitted[: len(raster), 0].reshape(min(len(emitted), len(raster)), -1)
        raster[:] = drawn[:, self._drawn[population]] != 0


def _spikes(population: str, shape: Shape) -> Readout:
    return Readout((Quantity.SPIKES, population), population, np.ones(shape, np.int64))


def _tallies(wiring: Wiring, readouts: Sequence[Readout], steps: int) -> dict[str, Tally]:
    """Give every population its readouts."""
    by_population: dict[str, list[Readout]] = {p.name: [] for p in wiring.network.populations}
    for readout in readouts:
        by_population[readout.population].append(readout)
    scratch = Scratch()
    values = {p.name for p in wiring.network.populations if isinstance(p.neuron, Source | LI)}
    return {
        name: Tally(own, wiring.shapes[name], steps, name not in values, scratch)
        for name, own in by_population.items()
    }


def _evenly(size: int, most: int) -> NDArray[np.int64]:
    """Choose at most `most` of `size` indices, evenly."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))
