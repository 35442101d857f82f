"""Tells what fixed point made of each population, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from msc.compiler.fixed.biases import exponent_for
from msc.compiler.fixed.demands import kernel_weight
from msc.compiler.fixed.head_room import head_room_used
from msc.compiler.fixed.inputs import Calibration
from msc.compiler.fixed.scales import Scales
from msc.ir.network import Model, Population
from msc.ir.ops import Quantise, Scale
from msc.ir.step import WEIGHT_UNIT


def tell(fixed: Model, scales: Scales, given: Calibration) -> tuple[str, ...]:
    """Say how the source is encoded, then per population what scale it got, and why not a larger one."""
    return (
        *_source_lines(fixed, given),
        *(_line(p, fixed, scales) for p in fixed.network.populations if not p.is_source),
    )


def _source_lines(fixed: Model, given: Calibration) -> Iterator[str]:
    source = fixed.network.source.name
    told = "in the calibration data" if given.inputs is not None else "assumed, no calibration data"
    for projection in fixed.network.out_of(source):
        match projection.ops:
            case (Quantise(scale=scale, limit=limit), *_, Quantise(limit=most), Scale(factor=factor)):
                step = round(factor * WEIGHT_UNIT)
                yield (
                    f"{projection.name}: the host multiplies rint({scale:g} x), up to {limit}, and adds "
                    f"multiples of {step} up to {most * step} to the biases "
                    f"(largest |x| {given.full_scale:g}, {told})"
                )
            case (Quantise(scale=scale, limit=limit), *_):
                yield (
                    f"{projection.name}: graded messages rint({scale:g} x), up to {limit} "
                    f"(largest |x| {given.full_scale:g}, {told})"
                )
            case _:
                pass


def _line(population: Population, fixed: Model, scales: Scales) -> str:
    name = population.name
    levels = np.unique(scales.threshold[name])
    values = f"{levels[0]}" if len(levels) == 1 else f"{levels[0]} to {levels[-1]} ({len(levels)} values)"
    reasons = Counter(scales.decided[name])
    decided = ", ".join(f"{what} ({count})" for what, count in reasons.most_common())
    largest = [
        f"{p.name} {int(np.abs(kernel_weight(p, fixed)).max(initial=0.0))}" for p in fixed.network.into(name)
    ]
    used = float(head_room_used(population, fixed).max(initial=0.0))
    bias = fixed.weights.get(population.bias_key)
    step = 1 << exponent_for(float(np.abs(bias).max()), scales.coarse_biases) if bias is not None else 1
    return (
        f"{name}: thresholds {values}{', weights exact' if scales.exact[name] else ''}; "
        f"limited by {decided}; largest weights {', '.join(largest)}; biases in steps of {step}; "
        f"head-room {100 * used:.1f} % used"
    )
