"""Fixed-point populations advanced step by step for a whole batch, equal to the reference to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.lava.kernels import FLOAT32_INTEGERS, Reach
from msc.ir.network import Model, Population
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Shape
from msc.ir.step import LARGEST_STATE, WEIGHT_UNIT


class Integrator:
    """One population's state for a batch, [*shape, B], under the equations of `FixedLIF`.

    The current u is kept only where it has a memory or can wrap; else it goes to the membrane at once.
    The membrane is float32 where its decay only moves the binary point and no sum leaves the integers
    that float32 holds; else float64. Saturation is left out where no sum gets there.
    """

    def __init__(
        self, population: Population, model: Model, shape: Shape, batch: int, reaches: Sequence[Reach]
    ) -> None:
        neuron = population.neuron
        assert isinstance(neuron, FixedLIF)
        column = (-1, *[1] * len(shape))  # one value per channel, the same for every sample
        bias = model.weights[population.bias_key] if population.bias else np.zeros(1, np.float32)
        high = sum((reach.high for reach in reaches), np.zeros(1))
        low = sum((reach.low for reach in reaches), np.zeros(1))
        reach = np.maximum(high, low)
        self.start = neuron.start
        self._current_kept, self._kept = (4095 - neuron.decay_u) / 4096, (4096 - neuron.decay_v) / 4096
        direct = neuron.decay_u == 4095 and float(reach.max()) <= LARGEST_STATE
        sums = _largest_sum(float((reach + np.abs(bias)).max()), self._kept) if direct else np.inf
        narrow = sums <= FLOAT32_INTEGERS and neuron.decay_v in (0, *(4096 - 2**n for n in range(12)))
        self.dtype: type[Any] = np.float32 if narrow else np.float64
        self._saturates = sums > LARGEST_STATE
        self._bias = bias.astype(self.dtype).reshape(column) if bias.any() else None
        self._threshold = WEIGHT_UNIT * model.weights[population.threshold_key].astype(self.dtype)
        self._threshold = self._threshold.reshape(column)
        size = (*shape, batch)
        self.membrane: NDArray[Any] = np.zeros(size, self.dtype)
        self._current = None if direct else np.zeros(size)
        self._silent = np.empty(size, np.bool_)
        self._before: NDArray[Any] | None = None  # the membrane before a step, where changes are counted

    def rest(self) -> None:
        """Go back to the state before t = 0."""
        self.membrane.fill(0)
        if self._current is not None:
            self._current.fill(0)

    def advance(
        self,
        delivered: Iterable[NDArray[Any]],
        spikes: NDArray[np.bool_],
        changed: NDArray[np.int64] | None = None,
    ) -> None:
        """Advance by one step of what projections deliver, each used before the next; fills `spikes`.

        And `changed` [B], with how many membranes differ after the reset from before the step.
        """
        v, u = self.membrane, self._current
        if changed is not None:
            self._before = np.empty_like(v) if self._before is None else self._before
            np.copyto(self._before, v)
        _decay(v, self._kept)
        if u is None:
            for values in delivered:
                v += values
        else:
            _decay(u, self._current_kept)
            for values in delivered:
                u += values
            _wrap(u)
            v += u
        if self._bias is not None:
            v += self._bias
        if self._saturates:
            np.clip(v, -LARGEST_STATE, LARGEST_STATE, out=v)
        np.greater(v, self._threshold, out=spikes)
        np.logical_not(spikes, out=self._silent)
        v *= self._silent
        if changed is not None and self._before is not None:
            changed[:] = self._changed(self._before)

    def _changed(self, before: NDArray[Any]) -> NDArray[Any]:
        """Count the membranes that differ from those before, by sample [B]; overwrites those before."""
        before[...] = np.not_equal(self.membrane, before, out=self._silent)
        neurons = prod(before.shape[:-1])
        # A matrix product adds ones up fastest, and exactly.
        ones = np.ones(neurons, self.dtype if neurons <= FLOAT32_INTEGERS else np.float64)
        return ones @ before.reshape(neurons, -1)


def _largest_sum(step: float, kept: float) -> float:
    """Bound every sum on the way to v, in whatever order, where a step adds up to `step`."""
    resting = min(step / (1 - kept), LARGEST_STATE) if kept < 1 else LARGEST_STATE
    return kept * resting + step


def _decay(values: NDArray[Any], kept: float) -> None:
    """Multiply by `kept`, a multiple of 1/4096, and round toward zero."""
    if kept == 0:
        values.fill(0)
    elif kept < 1:
        values *= kept
        np.trunc(values, out=values)


def _wrap(current: NDArray[np.float64]) -> None:
    """Bring values beyond a signed 24-bit register back by one turn, as Lava does."""
    np.subtract(current, 2.0**24, out=current, where=current > LARGEST_STATE + 1)
    np.add(current, 2.0**24, out=current, where=current <= -LARGEST_STATE - 1)
