"""NIR's neurons as those of msc: forward Euler with a step of dt seconds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np

from msc.backends.nir.reading.values import Fields
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FloatNeuron
from msc.ir.ops import Shape

KINDS = ("LIF", "IF", "CubaLIF", "LI")
_PARAMETERS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "IF": ("r", "v_threshold", "v_reset"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "w_in", "v_leak", "v_threshold", "v_reset"),
    "LI": ("tau", "r", "v_leak"),
}
_DEFAULTS = {"v_reset": 0.0, "w_in": 1.0}  # what files without them mean: nir 1.0.4 and older had none


@dataclass(frozen=True)
class Neurons:
    """A population as the file has it: the neuron, and the shape of its parameters (None: of one value)."""

    neuron: FloatNeuron
    shape: Shape | None


def read_neurons(read: Fields, dt: float) -> Neurons | None:
    """Read a neuron node; None, with problems told, where msc has no such population.

    LIF: tau dV/dt = v_leak - V + r I, so V += (v_leak - V + r I) / (tau / dt); IF: V += r dt I; CubaLIF and
    LI likewise. NIR fires at V > v_threshold, msc at V >= the next float32 above.
    """
    kind = read.node.kind
    values: dict[str, float | None] = {}
    for key in _PARAMETERS[kind]:
        if key.startswith("tau"):
            values[key] = _time_constant(read, key, dt)
        else:
            values[key] = read.uniform(key, _DEFAULTS.get(key))
    shape, agreed = _shape(read, kind)
    given = {key: value for key, value in values.items() if value is not None}
    if len(given) < len(values) or not agreed or (shape is not None and not read.fits(shape)):
        return None
    if "v_threshold" in given:
        given["v_threshold"] = above(given["v_threshold"])
    if kind == "IF":
        given["r"] *= dt
    neuron = _built(kind, given)
    return Neurons(neuron, shape) if _sound(read, neuron) else None


def above(threshold: float) -> float:
    """Return the least float32 above a threshold: where V > threshold fires, V >= this does."""
    with np.errstate(over="ignore"):
        return float(np.nextafter(np.float32(threshold), np.float32(np.inf)))


def seems_stepped(neuron: FloatNeuron, dt: float) -> bool:
    """Whether the neuron was perhaps written with steps for seconds: IF with r = 1, taus of a second."""
    match neuron:
        case IF():
            return neuron.r == float(np.float32(dt)) != 1
        case LIF() | LI():
            return dt != 1 <= neuron.tau * dt
        case CubaLIF():
            return dt != 1 <= min(neuron.tau_syn, neuron.tau_mem) * dt


def _built(kind: str, given: dict[str, float]) -> FloatNeuron:
    match kind:
        case "LIF":
            return LIF(**given)
        case "IF":
            return IF(**given)
        case "CubaLIF":
            return CubaLIF(**given)
        case _:
            return LI(**given)


def _time_constant(read: Fields, key: str, dt: float) -> float | None:
    steps = read.seconds_as_steps(key, dt)
    if steps is None:
        return None
    if steps >= 1 and isfinite(steps):
        return steps
    seconds = steps * dt
    if seconds <= 0 or not isfinite(steps):
        read.wrong(f"{key} is {seconds:.9g} s", "a time constant is finite and above 0")
    else:
        read.wrong(f"{key} is {seconds:.9g} s, less than one step of {dt:.9g} s", "give a smaller --dt")
    return None


def _shape(read: Fields, kind: str) -> tuple[Shape | None, bool]:
    """Find the one shape of all parameters with more than one value; whether they agree on it."""
    shapes: dict[Shape, str] = {}
    for key in _PARAMETERS[kind]:
        value: Any = read.node.fields.get(key)
        if isinstance(value, np.ndarray) and value.size > 1:
            shapes.setdefault(value.shape, key)
    if len(shapes) > 1:
        told = ", ".join(f"{key} {list(shape)}" for shape, key in shapes.items())
        read.wrong(f"its parameters have different shapes: {told}", "give all one shape")
    return next(iter(shapes), None), len(shapes) < 2


def _sound(read: Fields, neuron: FloatNeuron) -> bool:
    """Check what float32 makes of the parameters, and that a reset ends below the threshold."""
    infinite = [f.name for f in fields(neuron) if not isfinite(getattr(neuron, f.name))]
    for name in infinite:
        read.wrong(f"{name} is too large for float32", "scale the network")
    if not isinstance(neuron, LI) and neuron.v_reset >= neuron.v_threshold:
        read.wrong(
            f"v_reset is {neuron.v_reset:.9g}, above v_threshold: a neuron that fired would fire for ever",
            "reset to a value of at most v_threshold",
        )
        return False
    return not infinite
