"""The current of a still frame that the host computes in integers and adds to the biases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from msc.compiler.fixed.biases import LARGEST_MANTISSA
from msc.compiler.fixed.demands import Demand
from msc.compiler.fixed.inputs import LARGEST_PIXEL, pixel_scale
from msc.compiler.fixed.loads import Load
from msc.compiler.fixed.weights import Integers
from msc.ir.errors import Problem
from msc.ir.linear import Floats
from msc.ir.network import Array
from msc.ir.ops import Op, Quantise, Scale
from msc.ir.step import WEIGHT_UNIT

LARGEST_HOST_WEIGHT = 32767


@dataclass(frozen=True)
class HostKernel:
    """What replaces one kernel: ops around it, and its integer weights."""

    before: Quantise
    after: tuple[Op, ...]
    weight: Array


def host_kernel(demand: Demand, load: Load, threshold: Integers, exponent: int, limit: int) -> HostKernel:
    """Make S = clip(rint(b W rint(a x))), of which 2^exponent S is added to the membrane.

    W = rint(f w / (a b 2^exponent)) with f = 64 gain threshold_c / v_threshold; a and b are powers of two, so
    that nothing but the two roundings is lost; W has 15 bits and a sign. `limit` is the largest |S|.
    """
    pixels = pixel_scale(demand.full_scale)
    factor = WEIGHT_UNIT * demand.per_threshold * threshold / (pixels * 2.0**exponent)
    exact = load.weight.astype(np.float64) * factor.reshape(-1, *([1] * (load.weight.ndim - 1)))
    largest = float(np.abs(exact).max()) or 1.0
    back = 2.0 ** ceil(log2(largest / LARGEST_HOST_WEIGHT))
    return HostKernel(
        Quantise(pixels, LARGEST_PIXEL),
        (Quantise(back, max(limit, 1)), Scale(2.0**exponent / WEIGHT_UNIT)),
        (np.rint(exact / back) + 0.0).astype(np.float32),
    )


def host_currents(demand: Demand, threshold: Integers) -> dict[str, float]:
    """The largest current of each load that the host computes, in units of the membrane."""
    return {load.projection: float((demand.host_current(load) * threshold).max()) for load in demand.by_host}


def host_limits(currents: Mapping[str, float], bias: Floats, exponent: int) -> dict[str, int]:
    """Share what biases leave of the mantissa among the currents, each the more the larger it can be."""
    room = LARGEST_MANTISSA - int(np.abs(bias).max(initial=0.0)) // (1 << exponent)
    total = sum(currents.values())
    return {name: int(room * current / total) if total else 0 for name, current in currents.items()}


def lost_currents(
    demand: Demand, limits: Mapping[str, int], currents: Mapping[str, float], exponent: int
) -> Iterator[Problem]:
    """Find currents of the host that would be rounded to 0."""
    for load in demand.by_host:
        size = currents[load.projection] / (1 << exponent)
        if size and (size < 0.5 or limits[load.projection] < 1):
            yield Problem(
                f"projection {load.projection}",
                f"its weight range cannot be held: its current would become 0, the largest is {size:.2g} of a"
                f" step of the biases of {demand.population.name}",
                "--option input=graded, or train it again with more weight decay",
            )
