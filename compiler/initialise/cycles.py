"""Brings the populations of a cycle to life together, under the feedback they really get."""

from __future__ import annotations

import numpy as np

from msc.compiler.initialise.work import (
    BATCH,
    RATES,
    Calibration,
    bias_map,
    diversity,
    normed,
    observe_norm,
    raw_current,
    set_bias,
    silence,
)
from msc.ir.linear import Floats, apply_ops
from msc.ir.network import Population
from msc.ir.neurons import LI, in_floating_point
from msc.ir.step import State, step

_ROUNDS = 6


def settle(work: Calibration, populations: list[Population]) -> None:
    """Step a cycle's populations together and rebias those that stray, one by one; keep the best state seen.

    One at a time, as each change of a bias moves the others through the cycle.
    """
    inner = {p.name for p in populations}
    outside = {p.name: silence(work, p) for p in populations}
    for population in populations:
        for projection in work.network.into(population.name):
            if projection.source not in inner:
                outside[population.name] += normed(work, projection, raw_current(work, projection))
    _run_together(work, populations, outside)
    _observe_inner_norms(work, populations, inner)
    currents = _run_together(work, populations, outside)
    best = sum(_straying(work, p) for p in populations)
    biases = {p.bias_key: work.weights[p.bias_key] for p in populations if p.bias}
    for population in populations * _ROUNDS:
        if not best:
            return
        if not _straying(work, population):
            continue
        set_bias(work, population, currents[population.name] - bias_map(work, population))
        currents = _run_together(work, populations, outside)
        straying = sum(_straying(work, p) for p in populations)
        if straying < best:
            best, biases = straying, {p.bias_key: work.weights[p.bias_key] for p in populations if p.bias}
    work.weights.update(biases)
    _run_together(work, populations, outside)


def _straying(work: Calibration, population: Population) -> float:
    """How far (in octaves) a population's rate lies outside the range, plus one where samples look alike."""
    if isinstance(population.neuron, LI):
        return 0.0
    train = work.trains[population.name]
    rate = float(train.mean())
    low, high = RATES
    outside = max(float(np.log2(low / max(rate, 1e-6))), float(np.log2((1 - high) / max(1 - rate, 1e-6))))
    return max(0.0, outside) + (diversity(train) == 0)


def _run_together(
    work: Calibration, populations: list[Population], outside: dict[str, Floats]
) -> dict[str, Floats]:
    """Step the populations of one component in update order; sets their trains, returns their currents."""
    inner = {p.name for p in populations}
    states = {p.name: State.at_rest((BATCH, *work.shapes[p.name])) for p in populations}
    trains = {p.name: silence(work, p) for p in populations}
    currents = {p.name: outside[p.name] + bias_map(work, p) for p in populations}
    for t in range(work.steps):
        for population in populations:
            for projection in work.network.into(population.name):
                if projection.source in inner and t >= projection.delay:
                    spikes = trains[projection.source][t - projection.delay]
                    raw = apply_ops(projection, work.weights, spikes)
                    currents[population.name][t] += normed(work, projection, raw)
            neuron = in_floating_point(population.neuron)
            emitted, _ = step(neuron, states[population.name], currents[population.name][t])
            trains[population.name][t] = emitted
    work.trains.update(trains)
    return currents


def _observe_inner_norms(work: Calibration, populations: list[Population], inner: set[str]) -> None:
    for population in populations:
        for projection in work.network.into(population.name):
            if projection.source in inner:
                observe_norm(work, projection, raw_current(work, projection))
