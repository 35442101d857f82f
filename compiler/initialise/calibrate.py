"""Gives a network weights under which every population fires, population by population in causal order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from msc.compiler.initialise.cycles import settle
from msc.compiler.initialise.inputs import draw_input
from msc.compiler.initialise.work import (
    BATCH,
    TARGET_RATE,
    Calibration,
    Recipe,
    normed,
    observe_norm,
    raw_current,
    set_bias,
    signed,
    silence,
    wanted_spread,
)
from msc.ir.graph import component_of, components
from msc.ir.linear import Floats
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import InputKind, Source
from msc.ir.ops import Shape
from msc.ir.shapes import norm_parameters, population_shapes, weight_shapes


def calibrate(network: Network, seed: int, recipe: Recipe) -> Model:
    """Draw weights seeded by part name and `seed`, scaled and biased so that firing rates lie in 5-50 %.

    Components are taken in causal order; each population's current is scaled to its threshold and its
    bias searched for a rate near 20 %. Populations of one cycle are started without feedback, then
    rebiased under the feedback they really get. Norm statistics are those of the same run.
    """
    source = network.source
    assert isinstance(source.neuron, Source)
    steps = network.timesteps or 8
    frames = draw_input(source.neuron, seed, BATCH, steps).astype(np.float64)
    if source.neuron.kind is InputKind.STATIC:
        frames = np.broadcast_to(frames, (steps, BATCH, *source.neuron.shape))
    work = Calibration(
        network, recipe, seed, population_shapes(network), {}, {source.name: frames}, {}, steps
    )
    member = component_of(network)
    for members in components(network):
        if source.name in members:
            continue
        populations = [network.population(name) for name in members]
        for population in populations:
            _start(work, population)
        if set(members) & {p.source for p in network.projections if member[p.source] == member[p.target]}:
            settle(work, populations)
    expected = weight_shapes(network, work.shapes)
    return Model(network, {name: work.weights[name] for name in expected})


def _start(work: Calibration, population: Population) -> None:
    """Draw the weights into one population and bias it, taking what is not yet known as silent."""
    incoming = work.network.into(population.name)
    for projection in incoming:
        for name, shape in _op_weights(work, projection):
            drawn = work.recipe.draw(work.rng(name), shape, projection)
            work.weights[name] = signed(drawn, projection.sign)
    known = [p for p in incoming if p.source in work.trains]
    raw = {p.name: raw_current(work, p) for p in known}
    work.gains[population.name] = gain = _gain(work, population, raw)
    for projection in incoming:
        for name, _ in _op_weights(work, projection):
            work.weights[name] = (work.weights[name] * np.float32(gain)).astype(np.float32)
        if projection.norm is not None:
            _draw_norm(work, projection, wanted_spread(population) / np.sqrt(len(incoming)))
    for projection in known:
        if _op_weights(work, projection):
            raw[projection.name] = raw[projection.name] * gain
        observe_norm(work, projection, raw[projection.name])
    current = sum((normed(work, p, raw[p.name]) for p in known), start=silence(work, population))
    set_bias(work, population, current)


def _op_weights(work: Calibration, projection: Projection) -> list[tuple[str, Shape]]:
    """Name the weights of a projection's ops, with their shapes."""
    expected = weight_shapes(replace(work.network, projections=(projection,)), work.shapes)
    keys = {projection.weight_key(i) for i in range(len(projection.ops))}
    return [(name, shape) for name, shape in expected.items() if name in keys]


def _gain(work: Calibration, population: Population, raw: dict[str, Floats]) -> float:
    """Find the factor on all weights into a population that spreads its unnormalised current as wanted."""
    plain = [p for p in work.network.into(population.name) if p.norm is None and _op_weights(work, p)]
    total = sum((raw[p.name] for p in plain if p.name in raw), start=np.zeros(1))
    spread = float(np.std(total))
    if not spread:  # nothing known yet, or a projection into a cycle: guess inputs at the target rate
        power = [_guessed_power(work, p) for p in plain]
        spread = float(np.sqrt(sum(power)))
    return work.recipe.gain(wanted_spread(population) / spread) if spread else 1.0


def _guessed_power(work: Calibration, projection: Projection) -> float:
    """The variance of a projection's current if its inputs fired independently at the target rate."""
    power = TARGET_RATE
    for name, shape in _op_weights(work, projection):
        power *= float(np.mean(np.square(work.weights[name]))) * np.prod(shape[1:])
    return power


def _draw_norm(work: Calibration, projection: Projection, gamma: float) -> None:
    assert projection.norm is not None
    channels = work.shapes[projection.target][0]
    start = {"gamma": gamma, "mean": 0.0, "var": 1.0}
    for parameter in norm_parameters(projection.norm.kind):
        work.weights[projection.norm_key(parameter)] = np.full(channels, start[parameter], np.float32)
