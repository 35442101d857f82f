"""What a projection's weights ask of the scale of its target, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.fixed.inputs import Encoding
from msc.compiler.fixed.weights import WeightRange, weight_range
from msc.ir.linear import Floats
from msc.ir.network import Array, Projection

_SPIKE_POWER = 0.2  # of a population that fires at one step in five
_ROUNDING_POWER = 1 / 12  # of an error uniform over one unit


@dataclass(frozen=True)
class Load:
    """Extremes and sums over the weights of one projection into each channel, [C], all >= 0.

    `message_scale` is what a value of 1 is sent as: 1 for spikes, a for graded messages rint(a x), whose
    magnitude is at most `message_limit`.
    """

    projection: str
    encoding: Encoding
    weight: Array
    allowed: WeightRange
    positive: Floats
    negative: Floats
    positive_sum: Floats
    negative_sum: Floats
    square_sum: Floats
    message_scale: float = 1.0
    message_limit: int = 1

    @property
    def largest(self) -> Floats:
        """The largest magnitude into each channel."""
        return np.maximum(self.positive, self.negative)

    def held(self) -> Floats:
        """What a weight of 1 may become at most, so that all stay in range, [C]; inf where there are none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = self.allowed.highest / self.positive, -self.allowed.lowest / self.negative
        return np.minimum(
            np.where(self.positive > 0, above, np.inf), np.where(self.negative > 0, below, np.inf)
        )

    def rounding_power(self, scale: Floats, full_scale: float) -> Floats:
        """Guess the mean square error of the current, in units of weight, where w becomes scale w.

        Weights are rounded to steps, graded messages to integers; values of an input are taken as uniform
        up to its full scale.
        """
        fan_in = prod(self.weight.shape[1:])
        graded = self.encoding is Encoding.GRADED
        sent = (self.message_scale * full_scale) ** 2 / 3 if graded else _SPIKE_POWER
        by_weights = fan_in * self.allowed.step**2 * _ROUNDING_POWER * sent
        by_messages = _ROUNDING_POWER * self.square_sum * scale**2 if graded else 0.0
        return np.asarray(by_weights + by_messages, np.float64)


def load_of(projection: Projection, weight: Array, encoding: Encoding) -> Load:
    """Measure the weights, [C, ...], of a projection that is one kernel."""
    rows = weight.reshape(len(weight), -1)
    return Load(
        projection.name,
        encoding,
        weight,
        weight_range(weight),
        np.maximum(rows.max(axis=1, initial=0.0), 0).astype(np.float64),
        np.maximum(-rows.min(axis=1, initial=0.0), 0).astype(np.float64),
        *signed_sums(rows),
        np.square(rows).sum(axis=1, dtype=np.float64),
    )


def signed_sums(rows: NDArray[Any]) -> tuple[Floats, Floats]:
    """Sum the positive values of each row, and the negative ones as a magnitude."""
    positive = np.maximum(rows, 0).sum(axis=1, dtype=np.float64)
    return positive, positive - rows.sum(axis=1, dtype=np.float64)
