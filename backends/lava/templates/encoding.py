"""Part of run_lava.py: what the host computes: the spikes that are streamed, the currents that are biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from .reading import Bundle, UserError

MEMBRANE_UNIT = 64  # of one unit of weight
LARGEST_MANTISSA = 4095  # of a bias, in a register of 13 bits


def is_from_source(projection: dict[str, Any], network: dict[str, Any]) -> bool:
    """Whether a projection starts at the input."""
    return projection["source"] == network["input"]["name"]


def is_host_bias(projection: dict[str, Any]) -> bool:
    """Whether the host evaluates a projection from the input, and adds its current to the target's bias."""
    return bool(projection["ops"]) and projection["ops"][-1]["op"] == "Scale"


def stream(projection: dict[str, Any], sample: np.ndarray, static: bool, steps: int) -> np.ndarray:
    """Make what is sent at each machine step, [steps, *shape]: what is due `delay` steps after it was shown.

    It arrives one step after it is sent, so S[m - delay], due at step m, leaves at step m - 1.
    """
    values = sample[None] if static else sample
    for op in projection["ops"]:
        if op["op"] == "Quantise":
            values = quantise(op, values)
        elif op["op"] == "Flatten":
            values = values.reshape(len(values), -1)
    first = projection["delay"] - 1
    sent = np.zeros((steps, *values.shape[1:]), np.int32)
    last = steps if static else min(steps, first + len(values))
    if last > first:
        sent[first:last] = values if static else values[: last - first]
    return sent


def biases(bundle: Bundle, population: dict[str, Any], frame: np.ndarray) -> np.ndarray:
    """Compute the bias mantissas of one population, [*shape], its host-evaluated currents included."""
    shape, name = tuple(population["shape"]), population["name"]
    total = np.zeros(shape, np.int64)
    if population["bias"]:
        channels = bundle.weights[f"{name}/bias"].astype(np.int64)
        total += channels.reshape(-1, *[1] * (len(shape) - 1))
    for projection in bundle.network["projections"]:
        if projection["target"] == name and is_host_bias(projection):
            current = MEMBRANE_UNIT * evaluate(bundle, projection, frame)
            total += np.rint(current).astype(np.int64)
    mantissas = total >> population["bias_exponent"]
    exact = (mantissas << population["bias_exponent"]) == total
    if not exact.all() or np.abs(mantissas).max() > LARGEST_MANTISSA:
        raise UserError(f"population {name}: its bias does not fit the registers; compile the genome again")
    return mantissas


def evaluate(bundle: Bundle, projection: dict[str, Any], frame: np.ndarray) -> np.ndarray:
    """Evaluate a projection on one frame, [*shape], as the host does: float64 holds all its integers."""
    values = frame
    for index, op in enumerate(projection["ops"]):
        kind = op["op"]
        if kind == "Quantise":
            values = quantise(op, values)
        elif kind == "Scale":
            values = values * op["factor"]
        elif kind == "Flatten":
            values = values.reshape(-1)
        else:
            weight = bundle.weights[f"{projection['name']}/{index}/weight"].astype(np.float64)
            values = convolve(op, weight, values) if kind == "Conv2d" else weight @ values
    return values


def quantise(op: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Compute clip(rint(scale x), -limit, limit), ties to the even integer."""
    return np.clip(np.rint(values * op["scale"]), -op["limit"], op["limit"])


def convolve(op: dict[str, Any], weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Cross-correlate values [C, H, W] with weight [O, C / groups, kh, kw]."""
    (top, left), (down, right) = op["padding"], op["stride"]
    padded = np.pad(values, ((0, 0), (top, top), (left, left)))
    reach = [d * (k - 1) + 1 for d, k in zip(op["dilation"], op["kernel"], strict=True)]
    height, width = ((n - r) // s + 1 for n, r, s in zip(padded.shape[1:], reach, (down, right), strict=True))
    grouped = padded.reshape(op["groups"], -1, *padded.shape[1:])
    kernel = weight.reshape(op["groups"], -1, *weight.shape[1:])
    result = np.zeros((*kernel.shape[:2], height, width))
    for row, column in np.ndindex(*op["kernel"]):
        y, x = row * op["dilation"][0], column * op["dilation"][1]
        rows = slice(y, y + down * (height - 1) + 1, down)
        columns = slice(x, x + right * (width - 1) + 1, right)
        window = grouped[:, :, rows, columns]
        result += np.einsum("goi,gihw->gohw", kernel[..., row, column], window)
    return result.reshape(-1, height, width)
