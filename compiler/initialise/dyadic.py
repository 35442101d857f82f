"""Dyadic weights k * 2^e on which float32 is exact: any differing spike is a bug (design, section 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor, log2, prod

import numpy as np

from msc.compiler.initialise.calibrate import calibrate
from msc.compiler.initialise.exactness import BUDGET_BITS, bits_needed, cells_before, overhead_bits
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.network import Array, Model, Network, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source
from msc.ir.ops import AvgPool2d, Op, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes

_LARGEST = 15
_LARGEST_INHIBITORY = 4  # weights of one sign do not cancel: larger ones silence their target
_RESTING_GRID = 8  # v_reset and v_leak are multiples of 1/8


class DyadicError(MscError):
    """A network for which no weights keep float32 exact."""


@dataclass(frozen=True)
class _Dyadic:
    """Integers -15..15 times one power of two per population, zero where the fan-in exceeds its allowance."""

    allowance: Mapping[str, float]

    def draw(self, rng: np.random.Generator, shape: Shape, projection: Projection) -> Array:
        allowed = self.allowance[projection.target]
        inhibitory = projection.sign is Sign.INHIBITORY
        largest = int(min(_LARGEST_INHIBITORY if inhibitory else _LARGEST, max(1, allowed)))
        fan_in = prod(shape[1:])
        kept = min(fan_in, max(1, floor(allowed / largest)))
        values = rng.integers(1, largest + 1, (shape[0], fan_in)) * rng.choice([-1, 1], (shape[0], fan_in))
        if kept < fan_in:
            order = rng.random((shape[0], fan_in)).argsort(axis=1)
            values[order >= kept] = 0
        return values.reshape(shape).astype(np.float32)

    def gain(self, factor: float) -> float:
        return 2.0 ** round(log2(factor))

    def bias(self, value: float, gain: float, population: str) -> float:
        limit = floor(self.allowance[population])
        return float(np.clip(round(value / gain), -limit, limit)) * gain


def dyadic_model(network: Network, seed: int) -> Model:
    """Make a dyadic version of a network: same structure without norms, tau 2, weights k * 2^e, |k| <= 15.

    Every value any simulator computes then fits 24 bits (grid + T + magnitude, computed, not assumed), so
    float32 arithmetic is exact in whatever order it is done. Rates are calibrated as for random weights.
    Raises DyadicError where T, or T and the window of a pool, exceed the budget by themselves, or a leaky
    integrator feeds other populations.
    """
    plain = _dyadic_network(network)
    _refuse(plain)
    slack = 1.0
    while True:
        model = calibrate(plain, seed, _Dyadic(_allowances(plain, slack)))
        needed = bits_needed(model)
        excess = max(needed.values()) - BUDGET_BITS
        if excess <= 0:
            return model
        slack /= 2.0**excess
        if slack < 2.0**-BUDGET_BITS:
            name = max(needed, key=lambda key: needed[key])
            raise DyadicError.of(
                f"population {name}",
                f"needs {needed[name]} bits, float32 has {BUDGET_BITS}",
                "use fewer time steps or a smaller pool before it",
            )


def _refuse(network: Network) -> None:
    steps = network.timesteps or 8
    problems = [
        Problem(
            f"population {p.name}",
            f"{steps} time steps need {overhead_bits(p.neuron, steps)} of float32's {BUDGET_BITS} bits",
            "verify with fewer time steps, or with --weights random",
        )
        for p in network.populations
        if not p.is_source and overhead_bits(p.neuron, steps) >= BUDGET_BITS
    ]
    problems += [
        Problem(f"population {p.name}", "a leaky integrator feeds other populations", "use --weights random")
        for p in network.populations
        if isinstance(p.neuron, LI) and network.out_of(p.name)
    ]
    raise_all(DyadicError, problems)


def _allowances(network: Network, slack: float) -> dict[str, float]:
    """Share each population's magnitude among its projections and its bias, in multiples of its grid."""
    steps = network.timesteps or 8
    shapes = population_shapes(network)
    shares: dict[str, float] = {}
    for population in network.populations:
        if population.is_source:
            continue
        incoming = network.into(population.name)
        cells = max((cells_before(network, p, shapes) for p in incoming), default=1)
        units = 2.0 ** (BUDGET_BITS - overhead_bits(population.neuron, steps))
        shares[population.name] = max(1.0, slack * units / (cells * (len(incoming) + 1)))
    return shares


def _dyadic_network(network: Network) -> Network:
    populations = tuple(replace(p, neuron=_dyadic_neuron(p.neuron)) for p in network.populations)
    projections = tuple(
        replace(p, norm=None, ops=tuple(new for op in p.ops for new in _dyadic_ops(op)))
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections)


def _dyadic_ops(op: Op) -> tuple[Op, ...]:
    match op:
        case AvgPool2d():
            pool = SumPool2d(op.kernel, op.stride, op.padding)
            return (pool, Scale(_power_of_two(1 / prod(op.kernel))))
        case Scale():
            return (Scale(_power_of_two(op.factor)),)
        case _:
            return (op,)


def _dyadic_neuron(neuron: Neuron) -> Neuron:
    match neuron:
        case Source() | FixedLIF():
            return neuron
        case LI():
            return LI(2.0, _dyadic_gain(neuron.r, neuron.tau), _resting(neuron.v_leak))
        case LIF():
            r = _dyadic_gain(neuron.r, neuron.tau)
            return LIF(
                2.0, r, _threshold(neuron.v_threshold), _resting(neuron.v_reset), _resting(neuron.v_leak)
            )
        case IF():
            return IF(_power_of_two(neuron.r), _threshold(neuron.v_threshold), _resting(neuron.v_reset))
        case CubaLIF():
            return replace(
                neuron,
                tau_syn=2.0,
                tau_mem=2.0,
                r=_dyadic_gain(neuron.r, neuron.tau_mem),
                w_in=_dyadic_gain(neuron.w_in, neuron.tau_syn),
                v_threshold=_threshold(neuron.v_threshold),
                v_reset=_resting(neuron.v_reset),
                v_leak=_resting(neuron.v_leak),
            )


def _dyadic_gain(r: float, tau: float) -> float:
    """Keep r = tau where it was (r becomes 2), else round r to a power of two."""
    return 2.0 if r == tau else _power_of_two(r)


def _power_of_two(value: float) -> float:
    return float(np.copysign(2.0 ** round(log2(abs(value))), value)) if value else 0.0


def _threshold(value: float) -> float:
    """Round a threshold to four significant bits."""
    exponent = floor(log2(abs(value))) if value else 0
    return float(np.round(value / 2.0 ** (exponent - 3)) * 2.0 ** (exponent - 3))


def _resting(value: float) -> float:
    return round(value * _RESTING_GRID) / _RESTING_GRID
