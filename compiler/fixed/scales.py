"""Chooses the scale of every channel: how large its threshold is, and with it its weights and its bias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from msc.compiler.contracts import NO_OPTIONS, CompileError, Options
from msc.compiler.fixed.demands import Demand, demand_of
from msc.compiler.fixed.dynamics import dynamics, neuron_problems
from msc.compiler.fixed.grids import exact_step
from msc.compiler.fixed.inputs import Encoding, calibration, input_problems
from msc.compiler.fixed.levels import shared_levels
from msc.compiler.fixed.loads import signed_sums
from msc.compiler.fixed.refusals import below_one, lost
from msc.compiler.fixed.weights import Integers
from msc.ir.errors import Problem, raise_all
from msc.ir.linear import Floats
from msc.ir.network import Model, Population, Projection
from msc.ir.ops import Quantise
from msc.ir.step import WEIGHT_UNIT

MOST_THRESHOLDS = 16  # of a population: Loihi 1 has as many threshold configurations a core
_HALVINGS = 7  # of the range of messages that are tried, the whole among them


@dataclass(frozen=True)
class Scales:
    """The scale of every channel, and what decided it.

    `unit[population]`, [C]: the float weight that becomes 1; a weight w between populations becomes
    rint(w / unit_c) (`rounded_weights`). `threshold[population]`, [C]: what v_threshold becomes, exactly, so
    that v is 64 threshold_c / v_threshold times V. `messages[projection]`: how the source's values become
    graded messages rint(a x), for |x| up to `full_scale`. `decided[population]`, [C]: the limit that a larger
    threshold would break; `exact[population]`: whether weights keep their values exactly.
    `coarse_biases`: biases are multiples of a unit of weight.
    """

    unit: Mapping[str, Floats]
    threshold: Mapping[str, Integers]
    messages: Mapping[str, Quantise]
    full_scale: float
    decided: Mapping[str, tuple[str, ...]]
    exact: Mapping[str, bool]
    coarse_biases: bool = False

    def unit_into(self, projection: Projection) -> Floats:
        """The unit of a projection's weights, [C]: larger by the message scale where messages are graded."""
        sent = self.messages.get(projection.name)
        return self.unit[projection.target] * (sent.scale if sent else 1.0)

    def membrane(self, population: Population) -> Floats:
        """How many units of the fixed-point membrane are one of the float population's, [C]."""
        return WEIGHT_UNIT * self.threshold[population.name] / dynamics(population.neuron).v_threshold


def choose_scales(model: Model, options: Options = NO_OPTIONS) -> Scales:
    """Choose the largest scale per channel that Loihi holds, for a float model in one-kernel form.

    A channel that resets to 0 is the same neuron when its weights, bias and threshold have a common factor:
    each channel gets the greatest threshold under which its weights fit eight bits, its bias thirteen and an
    exponent, its threshold seventeen, and no sum of weights can reach the wrap of the 24-bit current. With
    `thresholds=channel` there are at most 16 different thresholds a population, with `thresholds=population`
    one. Where all weights into a population lie on a binary grid, the scale keeps them exact.
    `options` are those of target lava. Raises CompileError listing all that fixed point cannot hold.
    """
    raise_all(CompileError, [*neuron_problems(model), *input_problems(model, options)])
    given = calibration(model.network, options)
    shared = options.get("thresholds") == "population"
    chosen = [
        _chosen(demand_of(p, model, options, given), shared)
        for p in model.network.populations
        if not p.is_source
    ]
    raise_all(CompileError, [problem for each in chosen for problem in each.problems])
    by_name = {each.demand.population.name: each for each in chosen}
    return Scales(
        {name: 1 / (each.demand.per_threshold * each.threshold) for name, each in by_name.items()},
        {name: each.threshold for name, each in by_name.items()},
        {
            load.projection: Quantise(load.message_scale, load.message_limit)
            for each in chosen
            for load in each.demand.loads
            if load.encoding is Encoding.GRADED
        },
        given.full_scale,
        {name: each.decided for name, each in by_name.items()},
        {name: each.exact for name, each in by_name.items()},
        options.get("biases") == "coarse",
    )


@dataclass(frozen=True)
class _Chosen:
    demand: Demand
    threshold: Integers
    decided: tuple[str, ...]
    exact: bool
    problems: tuple[Problem, ...]


def _chosen(demand: Demand, shared: bool) -> _Chosen:
    """Choose one population's thresholds, lowering those whose rounded weights leave no head-room."""
    demand = _balanced(demand)
    limits = demand.limits()
    most = 1 if shared else MOST_THRESHOLDS
    step = exact_step(demand.on_chip, demand.per_threshold)
    while True:
        threshold = shared_levels(np.min(list(limits.values()), axis=0), most, step)
        if threshold.min() < 1:
            return _Chosen(demand, threshold, (), False, tuple(below_one(demand, limits)))
        rounded = demand.rounded(threshold)
        sums = demand.sums({name: signed_sums(rows) for name, rows in rounded.items()})
        over = sums > demand.largest_sum
        if not over.any():
            break
        lower = 0.98 * threshold * demand.largest_sum / np.maximum(sums, 1)
        limits["head-room"] = np.where(over, lower, limits["head-room"])
    decided = _decided(limits, shared)
    problems = tuple(lost(demand, threshold, rounded, decided, shared))
    exact = step is not None and not (threshold % step).any()
    return _Chosen(demand, threshold, decided, exact, problems)


def _decided(limits: Mapping[str, Floats], shared: bool) -> tuple[str, ...]:
    """Name the limit of each channel's threshold; where all share one, the limit of the least."""
    names = list(limits)
    columns = list(zip(*(values.tolist() for values in limits.values()), strict=True))
    deciding = [names[column.index(min(column))] for column in columns]
    if shared:
        least = min(range(len(columns)), key=lambda channel: min(columns[channel]))
        return (deciding[least],) * len(deciding)
    return tuple(deciding)


def _balanced(demand: Demand) -> Demand:
    """Choose how many bits graded messages have: 8, 7, .. 2, with the least guessed error.

    Where weights share a scale with those of spikes, or head-room decides, weights are the smaller the larger
    messages are.
    """
    if not any(load.encoding is Encoding.GRADED for load in demand.loads):
        return demand
    candidates = [demand.with_messages(halvings) for halvings in range(_HALVINGS)]
    return min(candidates, key=_rounding_power)


def _rounding_power(demand: Demand) -> float:
    """Guess the mean square error of the currents, in thresholds."""
    threshold: Floats = np.maximum(np.min(list(demand.limits().values()), axis=0), 1e-3)
    power: Floats = np.zeros(len(threshold))
    for load in demand.on_chip:
        power = power + load.rounding_power(1 / demand.unit_of(load, threshold), demand.full_scale)
    return float(np.mean(power / threshold**2))
