"""Makes the fixed-point model of a float one, in logical time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from msc.compiler.contracts import NO_OPTIONS, CompileError, Options
from msc.compiler.fixed.biases import exponent_for, rounded_biases
from msc.compiler.fixed.demands import Demand, demand_of
from msc.compiler.fixed.host import host_currents, host_kernel, host_limits, lost_currents
from msc.compiler.fixed.inputs import Encoding, calibration
from msc.compiler.fixed.scales import Scales, choose_scales
from msc.compiler.fixed.weights import Integers, rounded_weights
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import weighted_ops
from msc.ir.linear import Floats
from msc.ir.network import Array, Model, Network, Population, Projection
from msc.ir.step import WEIGHT_UNIT


@dataclass
class _Draft:
    """The fixed-point network in the making."""

    populations: dict[str, Population] = field(default_factory=dict[str, Population])
    projections: dict[str, Projection] = field(default_factory=dict[str, Projection])
    weights: dict[str, Array] = field(default_factory=dict[str, Array])
    problems: list[Problem] = field(default_factory=list[Problem])


def fixed_model(model: Model, options: Options = NO_OPTIONS, scales: Scales | None = None) -> Model:
    """Round a float model in one-kernel form to integers, under scales chosen now or before.

    Every population becomes FixedLIF, every weight an integer; delays stay. Raises CompileError listing all
    that fixed point cannot hold.
    """
    scales = choose_scales(model, options) if scales is None else scales
    network = model.network
    given = calibration(network, options)
    draft = _Draft()
    for population in network.populations:
        if population.is_source:
            draft.populations[population.name] = population
        else:
            _add(draft, demand_of(population, model, options, given), model, scales)
    raise_all(CompileError, draft.problems)
    return Model(
        Network(
            tuple(draft.populations[p.name] for p in network.populations),
            tuple(draft.projections[p.name] for p in network.projections),
            network.output,
            network.timesteps,
        ),
        draft.weights,
    )


def _add(draft: _Draft, demand: Demand, model: Model, scales: Scales) -> None:
    """Add a population with everything into it."""
    population = demand.population
    threshold = scales.threshold[population.name]
    currents = host_currents(demand, threshold)
    wanted = scales.membrane(population) * demand.drive
    exponent = exponent_for(float(np.abs(wanted).max(initial=0.0)) + sum(currents.values()), demand.coarse)
    bias = rounded_biases(wanted, exponent, threshold, demand.dynamics.leaks)
    limits = host_limits(currents, bias, exponent)
    draft.problems += lost_currents(demand, limits, currents, exponent)
    lowered = threshold - _tie(demand, threshold, bias, exponent)
    has_bias = bool(bias.any())
    draft.populations[population.name] = Population(population.name, demand.dynamics.neuron, has_bias)
    draft.weights[population.threshold_key] = lowered.astype(np.float32)
    if has_bias:
        draft.weights[population.bias_key] = bias.astype(np.float32)
    for load, projection in zip(demand.loads, model.network.into(population.name), strict=True):
        if load.encoding is Encoding.BIAS:
            made = host_kernel(demand, load, threshold, exponent, limits[load.projection])
            ops, weight = (made.before, *projection.ops, *made.after), made.weight
        else:
            weight = rounded_weights(load.weight, scales.unit_into(projection)).astype(np.float32)
            ops = projection.ops
            if load.encoding is Encoding.GRADED:
                ops = (scales.messages[projection.name], *ops)
        draft.projections[projection.name] = made_of = replace(projection, ops=ops)
        ((index, _),) = weighted_ops(made_of)
        draft.weights[made_of.weight_key(index)] = weight


def _tie(demand: Demand, threshold: Integers, bias: Floats, exponent: int) -> int:
    """What thresholds are lowered by so that V = v_threshold fires, as it does in the float network: 0 or 1.

    A membrane that never decays and only meets multiples of 64 is one: above 64 (threshold - 1) it is at
    64 threshold at least.
    """
    multiples = not (bias % WEIGHT_UNIT).any() and (not demand.by_host or (1 << exponent) >= WEIGHT_UNIT)
    keeps = not demand.dynamics.leaks and demand.dynamics.memory == 1
    return int(keeps and multiples and threshold.min() > 1)
