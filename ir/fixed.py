"""The rules of fixed-point networks: integers everywhere, and nothing analog but at the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem
from msc.ir.network import Array, Model, Network, Population, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv1d, Conv2d, Linear, Quantise, Scale

LARGEST_THRESHOLD = 2**17 - 1  # of a 17-bit register, in units of weight


def is_fixed_point(network: Network) -> bool:
    """Whether every population but the source is `FixedLIF`."""
    return all(isinstance(p.neuron, FixedLIF) for p in network.populations if not p.is_source)


def floating_point_only(network: Network, what: str) -> tuple[Problem, ...]:
    """Refuse a fixed-point network for `what` ("NIR", "PyTorch"), which knows floating point only."""
    if not any(isinstance(p.neuron, FixedLIF) for p in network.populations):
        return ()
    return (Problem("network", f"is in fixed point, {what} is not", "compile the network it was made from"),)


def fixed_point_structure(network: Network) -> list[Problem]:
    """List what breaks the rules: a mixture of number kinds, a quantiser that is not on an analog source."""
    return [*_mixtures(network), *_misplaced_quantisers(network)]


def fixed_point_problems(model: Model) -> Iterator[Problem]:
    """Find weights, biases and thresholds that are no integers, or thresholds out of range.

    Weights before a quantiser belong to the host that evaluates them, and are integers too.
    """
    if not is_fixed_point(model.network):
        return
    for name, array in model.weights.items():
        if array.dtype.kind == "f" and not _all_integers(array):
            yield Problem(f"weights {name}", "holds values that are no integers", "quantise the network")
    for population in model.network.populations:
        threshold = model.weights.get(population.threshold_key)
        if threshold is not None and threshold.size and not _in_range(threshold):
            yield Problem(
                f"weights {population.threshold_key}",
                f"holds values outside 0..{LARGEST_THRESHOLD}",
                "scale the population's weights, bias and threshold",
            )


def _mixtures(network: Network) -> Iterator[Problem]:
    fixed = [p for p in network.populations if isinstance(p.neuron, FixedLIF)]
    other = [p for p in network.populations if not p.is_source and p not in fixed]
    if fixed and other:
        names = ", ".join(p.name for p in other)
        yield Problem("network", f"mixes fixed-point populations with {names}", "quantise all or none")


def _misplaced_quantisers(network: Network) -> Iterator[Problem]:
    sources = {p.name: p for p in network.populations if p.is_source}
    for projection in network.projections:
        if not any(isinstance(op, Quantise) for op in projection.ops):
            continue
        if not _is_analog(sources.get(projection.source)):
            yield Problem(
                f"projection {projection.name}",
                "quantises what is no analog source",
                "remove the Quantise: spikes and events are integers",
            )


def _is_analog(population: Population | None) -> TypeGuard[Population]:
    if population is None:
        return False
    source = population.neuron
    return isinstance(source, Source) and source.kind is not InputKind.EVENTS


def _all_integers(array: Array) -> bool:
    finite: NDArray[np.float64] = np.nan_to_num(array.astype(np.float64))
    return bool(np.all(finite == np.rint(finite)))


def _in_range(threshold: Array) -> bool:
    return float(threshold.min()) >= 0 and float(threshold.max()) <= LARGEST_THRESHOLD


def on_host(projection: Projection) -> bool:
    """Whether the host evaluates a projection from the source and gives its current to biases."""
    ops = projection.ops
    return len(ops) > 1 and isinstance(ops[0], Quantise) and isinstance(ops[-1], Scale)


def weighted_ops(projection: Projection) -> tuple[tuple[int, Conv2d | Conv1d | Linear], ...]:
    """List a projection's ops that have weights, with their places in the chain."""
    return tuple((i, op) for i, op in enumerate(projection.ops) if isinstance(op, Conv2d | Conv1d | Linear))
