"""Measures what rounding to fixed point changed: weights, and the spikes of every population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.fixed.inputs import DRAWN_STEPS, Calibration, steps_for
from msc.compiler.fixed.scales import Scales
from msc.compiler.initialise import draw_input
from msc.ir.fixed import weighted_ops
from msc.ir.network import Model, Projection
from msc.ir.neurons import InputKind, Source
from msc.ir.ops import Conv2d, Quantise, Scale
from msc.ir.shapes import population_shapes, projection_shapes
from msc.ir.simulate import simulate

DRAWN_SAMPLES = 4
_WORK = 2e9  # multiplications that measuring may take: seconds
_MEMORY = 2**25  # values of one array while measuring


@dataclass(frozen=True)
class Measured:
    """Errors by name, and a line that says what they were measured on."""

    errors: Mapping[str, float]
    line: str


def measure(model: Model, fixed: Model, scales: Scales, given: Calibration) -> Measured:
    """Compare a float model with its fixed-point form: weights exactly, spikes on an input.

    The input is the calibration's where there is one, as many samples of it as a few seconds allow, else
    drawn (seed 0).
    """
    inputs, steps = _inputs(model, given)
    static = _is_static(model)
    samples = inputs.shape[0 if static else 1]
    shown = (steps if static else inputs.shape[0]) or 1
    allowed = max(1, min(samples, int(_WORK / (_work(model) * shown))))
    taken = inputs[:allowed] if static else inputs[:, :allowed]
    errors = {**_weight_errors(model, fixed, scales), **_spike_errors(model, fixed, taken, steps)}
    origin = "drawn samples" if given.inputs is None else f"of {samples} calibration samples"
    return Measured(errors, f"spike differences measured on {allowed} {origin}, {shown} steps")


def _inputs(model: Model, given: Calibration) -> tuple[NDArray[Any], int | None]:
    source = model.network.source.neuron
    assert isinstance(source, Source)
    steps = steps_for(model.network)
    if given.inputs is not None:
        return given.inputs, steps
    return draw_input(source, 0, DRAWN_SAMPLES, model.network.timesteps or DRAWN_STEPS), steps


def _is_static(model: Model) -> bool:
    source = model.network.source.neuron
    return isinstance(source, Source) and source.kind is InputKind.STATIC


def _weight_errors(model: Model, fixed: Model, scales: Scales) -> dict[str, float]:
    """Errors of the weights as the fixed-point network has them, in units of float weights.

    The largest is relative to the largest weight of its projection, the mean to the mean of all weights.
    """
    largest = missed = total = 0.0
    for before, after in zip(model.network.projections, fixed.network.projections, strict=True):
        weight = model.weights[before.weight_key(weighted_ops(before)[0][0])]
        error = np.abs(_as_floats(before, after, fixed, scales) - weight)
        greatest = float(np.abs(weight).max(initial=0.0))
        largest = max(largest, float(error.max(initial=0.0)) / greatest if greatest else 0.0)
        missed, total = missed + float(error.sum()), total + float(np.abs(weight).sum(dtype=np.float64))
    return {
        "largest_relative_weight_error": largest,
        "mean_relative_weight_error": missed / total if total else 0.0,
    }


def _as_floats(before: Projection, after: Projection, fixed: Model, scales: Scales) -> NDArray[np.float64]:
    """Convert integer weights back to float ones; a host's with the factors of its quantisers."""
    ((index, _),) = weighted_ops(after)
    integers = fixed.weights[after.weight_key(index)].astype(np.float64)
    unit = scales.unit_into(before)
    if isinstance(after.ops[-1], Scale):
        scaled = (op.scale for op in after.ops if isinstance(op, Quantise))
        unit = unit * prod(scaled) * after.ops[-1].factor
    return integers * unit.reshape(-1, *([1] * (integers.ndim - 1)))


def _spike_errors(model: Model, fixed: Model, inputs: NDArray[Any], steps: int | None) -> dict[str, float]:
    """Share of spikes that differ, in all populations and in the output, and the largest shift of a rate."""
    places: dict[str, float] = {}
    differing: dict[str, float] = {}
    shift: dict[str, float] = {}
    for part in _parts(model, inputs, steps):
        expected, found = simulate(model, part, steps).spikes, simulate(fixed, part, steps).spikes
        for name, spikes in expected.items():
            places[name] = places.get(name, 0.0) + spikes.size
            differing[name] = differing.get(name, 0.0) + float(np.count_nonzero(spikes != found[name]))
            more = float(np.count_nonzero(found[name])) - float(np.count_nonzero(spikes))
            shift[name] = shift.get(name, 0.0) + more
    output = model.network.output
    return {
        "share_of_differing_spikes": sum(differing.values()) / sum(places.values()),
        "share_of_differing_output_spikes": differing[output] / places[output],
        "largest_rate_difference": max(abs(shift[name]) / places[name] for name in places),
    }


def _parts(model: Model, inputs: NDArray[Any], steps: int | None) -> Iterator[NDArray[Any]]:
    """Cut the input into parts whose recorded spikes, and windows of one step, fit in memory."""
    static = _is_static(model)
    shapes = population_shapes(model.network)
    shown = (steps if static else inputs.shape[0]) or 1
    recorded = shown * sum(prod(shape) for shape in shapes.values()) // 8
    windows = max(_window_values(p, model) for p in model.network.projections)
    batch = max(1, _MEMORY // max(recorded, windows))
    for start in range(0, inputs.shape[0 if static else 1], batch):
        yield inputs[start : start + batch] if static else inputs[:, start : start + batch]


def _window_values(projection: Projection, model: Model) -> int:
    """Count the values that one step of one sample multiplies weights with."""
    ((index, op),) = weighted_ops(projection)
    chain = projection_shapes(projection, population_shapes(model.network)[projection.source])
    if not isinstance(op, Conv2d):
        return chain[index][0]
    return chain[index][0] * prod(op.kernel) * prod(chain[index + 1][1:])


def _work(model: Model) -> int:
    """Count the multiplications of one step of one sample."""
    total = 0
    for projection in model.network.projections:
        ((index, op),) = weighted_ops(projection)
        outputs = model.weights[projection.weight_key(index)].shape[0]
        per_group = op.groups if isinstance(op, Conv2d) else 1
        total += _window_values(projection, model) * outputs // per_group
    return max(total, 1)
