"""Adds up what a population emits over time and weighs it with the readouts that begin there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.activity import Column, Readout
from msc.ir.ops import Quantise, Shape

EXACT_IN_FLOAT32, EXACT_IN_FLOAT64 = 2**24, 2**53
"""Integers are added exactly as long as every sum stays below."""
_NEURONS, _TOGETHER = 2**13, 2**17
"""How many neurons, and how many neurons times samples, are counted at once: what a cache holds."""
_FAST = tuple(np.dtype(kind) for kind in (np.float32, np.float64, np.uint8, np.bool_))


@dataclass(frozen=True, eq=False)
class _Group:
    """Readouts that count the same steps, those before `limit`: `weights` [readouts, N] for `columns`."""

    limit: int
    weights: NDArray[Any]
    columns: slice


class Scratch:
    """Memory for sums in passing, which the tallies of a network use one after another."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, np.dtype[Any]], NDArray[Any]] = {}

    def array(self, use: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Lend an array, whose last values do not matter, for one use until the next time it is asked for."""
        size = prod(shape)
        kept = self._arrays.get((use, dtype))
        if kept is None or kept.size < size:
            kept = self._arrays[use, dtype] = np.empty(size, dtype)
        return kept[:size].reshape(shape)


class Tally:
    """The counts of one population: a row of `columns` for each sample, and each neuron's over all samples.

    They are integers, which matrix products of floating-point numbers carry: of float32 where a bound keeps
    the sums of what is counted at once below 2^24, else of float64, which adds up all of it below 2^53.
    """

    def __init__(
        self, readouts: Sequence[Readout], shape: Shape, steps: int, spiking: bool, scratch: Scratch
    ) -> None:
        self._size = prod(shape)
        self._spiking = spiking
        self._type = _number_type(readouts, steps)
        self._groups, self.columns = self._grouped(readouts, steps)
        self._scratch = scratch
        self._ones = np.ones(_TOGETHER // min(self._size, _NEURONS), self._type)
        self.per_neuron = np.zeros(self._size)

    def add(self, first: int, emitted: NDArray[Any], repeats: int, table: NDArray[np.float64]) -> None:
        """Count the steps from `first` on, [steps, B, *shape], or one that stands for `repeats` of them.

        The table [B, columns] takes what they add to the columns.
        """
        flat = emitted.reshape(*emitted.shape[:2], self._size)
        together = len(self._ones)
        for start in range(0, self._size, _NEURONS):
            neurons = slice(start, start + _NEURONS)
            for sample in range(0, len(table), together):
                some = slice(sample, sample + together)
                self._add(first, flat[:, some, neurons], repeats, table[some], neurons)

    def _add(
        self, first: int, emitted: NDArray[Any], repeats: int, table: NDArray[np.float64], neurons: slice
    ) -> None:
        """Count some neurons of some samples."""
        span = len(emitted) * repeats
        for quantise, groups in self._groups.items():
            spikes = _spikes(emitted, self._spiking, quantise)
            ends = {span, *(min(group.limit - first, span) for group in groups)}
            for end, counts in self._running(spikes, sorted(ends), repeats):
                for group in groups:
                    if min(group.limit - first, span) == end:
                        table[:, group.columns] += counts @ group.weights[:, neurons].T
                if end == span and quantise is None:
                    self.per_neuron[neurons] += self._ones[: len(counts)] @ counts

    def _running(
        self, spikes: NDArray[Any], ends: Sequence[int], repeats: int
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Count the spikes of each sample and neuron in the steps before each end: [B, N].

        They are added up in the smallest numbers that hold the sum, which is fastest.
        """
        total, added = spikes[0], 1
        dtype = np.min_scalar_type(len(spikes)) if spikes.dtype == np.uint8 else spikes.dtype
        sums = self._scratch.array("sums", dtype, total.shape)
        for end in ends:
            if end <= 0:
                continue
            for step in spikes[added:end]:
                total = np.add(total, step, out=sums)
            added = max(added, end)
            if repeats == 1 and total.dtype == self._type:
                yield end, total
            else:
                wide = self._scratch.array("counts", self._type, total.shape)
                yield end, np.multiply(total, end if repeats > 1 else 1, out=wide, dtype=self._type)

    def _grouped(
        self, readouts: Sequence[Readout], steps: int
    ) -> tuple[dict[Quantise | None, list[_Group]], tuple[Column, ...]]:
        """Stack the readouts that count the same; returns them by quantiser, and their columns in order."""
        together: dict[tuple[int, Quantise | None], list[Readout]] = {}
        for readout in readouts:
            limit = max(steps - readout.delay, 0)
            key = (min(limit, 1) if readout.once else limit, readout.quantise)
            together.setdefault(key, []).append(readout)
        groups: dict[Quantise | None, list[_Group]] = {}
        columns: list[Column] = []
        for (limit, quantise), same in together.items():
            weights = [each.per_spike.reshape(-1).astype(self._type) for each in same]
            place = slice(len(columns), len(columns) + len(same))
            groups.setdefault(quantise, []).append(_Group(limit, np.stack(weights), place))
            columns += [each.column for each in same]
        return groups, tuple(columns)


def _number_type(readouts: Sequence[Readout], steps: int) -> np.dtype[Any]:
    """Choose the floating-point numbers that carry every count exactly."""
    assert all(int(each.per_spike.sum()) * steps < EXACT_IN_FLOAT64 for each in readouts), (
        "a sample's events reach 2^53"
    )
    together = [
        int(np.add.reduceat(each.per_spike.reshape(-1), range(0, each.per_spike.size, _NEURONS)).max())
        for each in readouts
    ]
    small = max(_TOGETHER, *together) * steps < EXACT_IN_FLOAT32
    return np.dtype(np.float32 if small else np.float64)


def _spikes(emitted: NDArray[Any], spiking: bool, quantise: Quantise | None) -> NDArray[Any]:
    """Say which values are not 0, as 0 and 1: a spiking population's are used as they are."""
    if quantise is not None:
        emitted = np.rint(emitted.astype(np.float64) * quantise.scale)
    if not spiking or emitted.dtype not in _FAST:
        emitted = emitted != 0
    return emitted.view(np.uint8) if emitted.dtype == np.bool_ else emitted
