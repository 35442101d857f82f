"""The different thresholds that a population's neurons have, known or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from msc.compiler.timing import relay_of
from msc.ir.network import Population, Weights

Threshold: TypeAlias = "int | tuple[str, int]"  # a value, or one not known: the population's k-th
MOST_UNKNOWN = 16  # different thresholds of a population: the pass `quantise` gives no more


@dataclass(frozen=True)
class Thresholds:
    """The threshold of each of a population's channels."""

    channels: tuple[Threshold, ...]

    def of(self, start: int, stop: int) -> frozenset[Threshold]:
        """Collect the thresholds of channels start..stop-1."""
        return frozenset(self.channels[start:stop])

    def most(self, side: int) -> int:
        """Count the most different thresholds in one tile of `side` channels."""
        starts = range(0, len(self.channels), side)
        return max(len(self.of(start, start + side)) for start in starts)


def thresholds_of(population: Population, channels: int, weights: Weights) -> Thresholds:
    """Find the thresholds of a population; where not given, as many different ones as there can be.

    A relay's are always 0.
    """
    given = weights.get(population.threshold_key)
    if given is None and relay_of(population.name):
        return Thresholds((0,) * channels)
    if given is None:
        return Thresholds(tuple((population.name, k % MOST_UNKNOWN) for k in range(channels)))
    return Thresholds(tuple(int(value) for value in np.rint(given)))
