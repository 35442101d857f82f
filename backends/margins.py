"""How close the reference came to its thresholds: what rounding may explain of a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.linear import Floats, apply_projection, per_channel
from msc.ir.network import Model, Population, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Source
from msc.ir.ops import Scale
from msc.ir.simulate import Trace, input_frames, simulate

ROUNDING = 2.0**-18  # what float32 may lose per unit of summed current (design, section 6.2)


@dataclass
class Margins:
    """The reference's membranes and rounding bounds, computed when first asked for.

    margin = |V - v_threshold| (LI has none);  bound = 2^-18 (1 + gain (|bias| + sum of |ops|(|S|))), where
    gain brings a current into units of V: |r| / tau, |r| (IF), |r w_in| / (tau_mem tau_syn) (CubaLIF).
    """

    model: Model
    inputs: NDArray[Any]
    timesteps: int | None
    _trace: Trace | None = None
    _frames: Floats | None = None
    _bounds: dict[str, Floats] = field(default_factory=dict[str, Floats])

    @property
    def trace(self) -> Trace:
        """The reference's run with all membranes."""
        if self._trace is None:
            self._trace = simulate(self.model, self.inputs, self.timesteps, membranes=True)
        return self._trace

    def margin(self, name: str) -> Floats:
        """Compute |V - v_threshold| of a spiking population, [T, B, *shape]."""
        neuron = self.model.network.population(name).neuron
        assert isinstance(neuron, LIF | IF | CubaLIF)
        return np.abs(self.trace.membranes[name] - neuron.v_threshold)

    def bound(self, name: str) -> Floats:
        """Compute what rounding may have moved V by, [T, B, *shape]."""
        if name not in self._bounds:
            population = self.model.network.population(name)
            self._bounds[name] = ROUNDING * (1 + _gain(population) * self._absolute_current(population))
        return self._bounds[name]

    def _absolute_current(self, population: Population) -> Floats:
        """Add up the magnitudes of everything that reached a population, [T, B, *shape]."""
        total = np.zeros(self.trace.spikes[population.name].shape)
        if population.bias:
            bias = np.abs(self.model.weights[population.bias_key].astype(np.float64))
            total += per_channel(bias, total.ndim - 2)
        for projection in self.model.network.into(population.name):
            magnitude = replace(projection, ops=tuple(map(_absolute_op, projection.ops)))
            weights = _absolute_weights(projection, self.model.weights)
            for t in range(projection.delay, len(total)):
                total[t] += apply_projection(
                    magnitude, weights, self._emitted(projection.source, t - projection.delay)
                )
        return total

    def _emitted(self, name: str, t: int) -> Floats:
        neuron = self.model.network.population(name).neuron
        if isinstance(neuron, Source):
            if self._frames is None:
                self._frames = np.abs(input_frames(neuron, self.inputs, self.timesteps)[1])
            return self._frames if self._frames.ndim == len(neuron.shape) + 1 else self._frames[t]
        return np.abs(self.trace.spikes[name][t].astype(np.float64))


def _gain(population: Population) -> float:
    match population.neuron:
        case LIF(tau=tau, r=r) | LI(tau=tau, r=r):
            return abs(r) / tau
        case IF(r=r):
            return abs(r)
        case CubaLIF() as neuron:
            return abs(neuron.r * neuron.w_in) / (neuron.tau_mem * neuron.tau_syn)
        case Source() | FixedLIF():
            raise AssertionError("a source has no membrane, and fixed-point ones have no rounding")


def _absolute_op(op: Any) -> Any:
    return Scale(abs(op.factor)) if isinstance(op, Scale) else op


def _absolute_weights(projection: Projection, weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Take magnitudes; a norm's mean is made negative, so that its subtraction adds."""
    keys = [key for key in weights if key.startswith(f"{projection.name}/")]
    absolute = {key: np.abs(weights[key]) for key in keys}
    mean = projection.norm_key("mean")
    return {key: -value if key == mean else value for key, value in absolute.items()}
