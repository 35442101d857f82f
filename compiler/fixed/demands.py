"""Everything that bears on the scale of one population, and how large it lets thresholds be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from msc.compiler.contracts import Options
from msc.compiler.fixed.biases import COARSE_EXPONENT, LARGEST_BIAS, LARGEST_EXPONENT, LARGEST_MANTISSA
from msc.compiler.fixed.dynamics import Dynamics, dynamics
from msc.compiler.fixed.head_room import WRAP
from msc.compiler.fixed.inputs import LARGEST_MESSAGE, Calibration, Encoding, encoding_of
from msc.compiler.fixed.loads import Load, load_of
from msc.compiler.fixed.weights import Integers, Synapses, rounded_weights
from msc.ir.fixed import LARGEST_THRESHOLD, weighted_ops
from msc.ir.linear import Floats
from msc.ir.network import Array, Model, Population, Projection
from msc.ir.neurons import CubaLIF, as_float32
from msc.ir.step import WEIGHT_UNIT

_WIDEST = 16.0  # times the median: a channel that could go higher has weights that matter little


@dataclass(frozen=True)
class Demand:
    """A population's dynamics, the weights into it, and what each step adds to V without them, [C].

    `coarse`: biases must be multiples of a unit of weight.
    """

    population: Population
    dynamics: Dynamics
    loads: tuple[Load, ...]
    drive: Floats
    full_scale: float
    coarse: bool = False

    @property
    def per_threshold(self) -> float:
        """What a weight of 1 becomes under a threshold of 1."""
        return self.dynamics.gain / self.dynamics.v_threshold

    @property
    def on_chip(self) -> tuple[Load, ...]:
        """The loads that the chip multiplies, not the host."""
        return tuple(load for load in self.loads if load.encoding is not Encoding.BIAS)

    @property
    def by_host(self) -> tuple[Load, ...]:
        """The loads that the host computes."""
        return tuple(load for load in self.loads if load.encoding is Encoding.BIAS)

    @property
    def largest_sum(self) -> int:
        """The largest sum of weights that one step may deliver, beside what a host adds to the current."""
        return WRAP - 1 - (LARGEST_BIAS // WEIGHT_UNIT + 1 if self.by_host else 0)

    def with_messages(self, halvings: int) -> Demand:
        """Send graded messages of at most 127, or 64, 32, .. where halved, for inputs in full scale."""
        limit = min(LARGEST_MESSAGE, 128 >> halvings)
        scale = as_float32(limit / self.full_scale)
        return replace(
            self,
            loads=tuple(
                replace(load, message_scale=scale, message_limit=limit)
                if load.encoding is Encoding.GRADED
                else load
                for load in self.loads
            ),
        )

    def unit_of(self, load: Load, threshold: Floats | Integers) -> Floats:
        """The float weight of a load that becomes 1, [C]."""
        return np.asarray(load.message_scale / (self.per_threshold * threshold), np.float64)

    def host_current(self, load: Load) -> Floats:
        """What the host adds at most to the membrane under a threshold of 1 for inputs in full scale, [C]."""
        sums = np.maximum(load.positive_sum, load.negative_sum)
        return WEIGHT_UNIT * self.per_threshold * self.full_scale * sums

    def sums(self, signed: Mapping[str, tuple[Floats, Floats]]) -> Floats:
        """The largest magnitude that the current can reach, in units of weight, [C].

        `signed[projection]`: the sums of its positive weights and of its negative ones (as a magnitude), [C].
        Spikes are 0 or 1, graded messages anything from -limit to limit, whatever the input is.
        """
        positive = negative = np.zeros(len(self.drive))
        for load in self.on_chip:
            above, below = signed[load.projection]
            if load.encoding is Encoding.GRADED:
                above = below = load.message_limit * (above + below)
            positive, negative = positive + above, negative + below
        return np.maximum(positive, negative) * self.dynamics.memory

    def rounded(self, threshold: Integers) -> dict[str, Synapses]:
        """Round the weights of every load on the chip, [C, inputs]."""
        return {
            load.projection: rounded_weights(load.weight, self.unit_of(load, threshold)).reshape(
                len(threshold), -1
            )
            for load in self.on_chip
        }

    def limits(self) -> dict[str, Floats]:
        """How large each channel's threshold may be, [C], by what says so."""
        found = {f"weights of {load.projection}": self._weight_limit(load) for load in self.on_chip}
        unit = {load.projection: self.unit_of(load, np.ones(1)) for load in self.on_chip}
        signed = {
            load.projection: (
                load.positive_sum / unit[load.projection],
                load.negative_sum / unit[load.projection],
            )
            for load in self.on_chip
        }
        with np.errstate(divide="ignore"):
            found["head-room"] = self.largest_sum / self.sums(signed)
            found["bias"] = self._bias_limit()
        found["threshold register"] = np.full(len(self.drive), float(LARGEST_THRESHOLD))
        least = np.min(list(found.values()), axis=0)
        found["other channels"] = np.full(len(self.drive), _WIDEST * np.median(least))
        return found

    def _weight_limit(self, load: Load) -> Floats:
        return load.held() * self.unit_of(load, np.ones(1))

    def _bias_limit(self) -> Floats:
        """A bias has its range for itself, or half of it where a host adds to it."""
        drive = WEIGHT_UNIT * np.abs(self.drive) / self.dynamics.v_threshold
        host = np.sum([self.host_current(load) for load in self.by_host], axis=0)
        exponent = COARSE_EXPONENT if self.coarse else LARGEST_EXPONENT
        room = (LARGEST_MANTISSA << exponent) - (1 << exponent)
        return (room / 2 if self.by_host else room) / (drive + host)


def demand_of(population: Population, model: Model, options: Options, given: Calibration) -> Demand:
    """Collect what bears on a population's scale."""
    network = model.network
    loads = tuple(
        load_of(p, kernel_weight(p, model), encoding_of(p, network, options))
        for p in network.into(population.name)
    )
    mapped = dynamics(population.neuron)
    channels = len(loads[0].weight)
    drive = np.full(channels, mapped.leak)
    if population.bias and not isinstance(population.neuron, CubaLIF):
        drive = drive + mapped.gain * model.weights[population.bias_key].astype(np.float64)
    coarse = options.get("biases") == "coarse"
    return Demand(population, mapped, loads, drive, given.full_scale, coarse).with_messages(0)


def kernel_weight(projection: Projection, model: Model) -> Array:
    """Find the one weight array of a projection that is one kernel."""
    ((index, _),) = weighted_ops(projection)
    return model.weights[projection.weight_key(index)]
