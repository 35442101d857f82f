"""Gives a network weights under which every population fires, population by population in causal order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from msc.compiler.initialise.inputs import draw_input
from msc.ir.graph import component_of, components
from msc.ir.linear import Floats, apply_ops, normalise, per_channel
from msc.ir.network import Array, Model, Network, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import Shape
from msc.ir.shapes import norm_parameters, population_shapes, weight_shapes
from msc.ir.step import State, step

TARGET_RATE = 0.2
RATES = (0.05, 0.5)
_BATCH = 4
_ROUNDS = 6
_BISECTIONS = 16


class Recipe(Protocol):
    """What differs between kinds of weights: how they are drawn and on which grid gains and biases lie."""

    def draw(self, rng: np.random.Generator, shape: Shape, population: str) -> Array:
        """Draw the unscaled weights of one op into `population`."""
        ...

    def gain(self, factor: float) -> float:
        """Round a positive factor on weights to one the recipe allows."""
        ...

    def bias(self, value: float, gain: float, population: str) -> float:
        """Round a bias to one the recipe allows beside weights scaled by `gain`."""
        ...


@dataclass
class Calibration:
    """The work in hand: weights so far, and each finished population's output [T, B, *shape]."""

    network: Network
    recipe: Recipe
    seed: int
    shapes: dict[str, Shape]
    weights: dict[str, Array]
    trains: dict[str, Floats]
    gains: dict[str, float]
    steps: int

    def rng(self, name: str) -> np.random.Generator:
        """Make the generator of one named part: the same part draws the same in any network."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return np.random.default_rng(np.frombuffer(digest, np.uint32))


def calibrate(network: Network, seed: int, recipe: Recipe) -> Model:
    """Draw weights seeded by part name and `seed`, scaled and biased so that firing rates lie in 5-50 %.

    Components are taken in causal order; each population's current is scaled to its threshold and its
    bias searched for a rate near 20 %. Populations of one cycle are started without feedback, then
    rebiased under the feedback they really get. Norm statistics are those of the same run.
    """
    source = network.source
    assert isinstance(source.neuron, Source)
    steps = network.timesteps or 8
    frames = draw_input(source.neuron, seed, _BATCH, steps).astype(np.float64)
    if source.neuron.kind is InputKind.STATIC:
        frames = np.broadcast_to(frames, (steps, _BATCH, *source.neuron.shape))
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
            _settle(work, populations)
    expected = weight_shapes(network, work.shapes)
    return Model(network, {name: work.weights[name] for name in expected})


def _start(work: Calibration, population: Population) -> None:
    """Draw the weights into one population and bias it, taking what is not yet known as silent."""
    incoming = work.network.into(population.name)
    for projection in incoming:
        for name, shape in _op_weights(work, projection):
            drawn = work.recipe.draw(work.rng(name), shape, population.name)
            work.weights[name] = _signed(drawn, projection.sign)
    known = [p for p in incoming if p.source in work.trains]
    raw = {p.name: _raw_current(work, p) for p in known}
    work.gains[population.name] = gain = _gain(work, population, raw)
    for projection in incoming:
        for name, _ in _op_weights(work, projection):
            work.weights[name] = (work.weights[name] * np.float32(gain)).astype(np.float32)
        if projection.norm is not None:
            _draw_norm(work, projection, _wanted_spread(population) / np.sqrt(len(incoming)))
    for projection in known:
        if _op_weights(work, projection):
            raw[projection.name] = raw[projection.name] * gain
        _observe_norm(work, projection, raw[projection.name])
    current = sum((_normed(work, p, raw[p.name]) for p in known), start=_silence(work, population))
    _bias(work, population, current)


def _settle(work: Calibration, populations: list[Population]) -> None:
    """Step a cycle's populations together and rebias those whose rate left the range, a few rounds."""
    inner = {p.name for p in populations}
    outside = {p.name: _silence(work, p) for p in populations}
    for population in populations:
        for projection in work.network.into(population.name):
            if projection.source not in inner:
                outside[population.name] += _normed(work, projection, _raw_current(work, projection))
    for round_ in range(_ROUNDS):
        currents = _run_together(work, populations, outside)
        if round_ == 0:
            _observe_inner_norms(work, populations, inner)
            continue
        strays = [p for p in populations if not RATES[0] <= work.trains[p.name].mean() <= RATES[1]]
        if not strays:
            return
        for population in strays:
            unbiased = currents[population.name] - _bias_map(work, population)
            _bias(work, population, unbiased)
    _run_together(work, populations, outside)


def _run_together(
    work: Calibration, populations: list[Population], outside: dict[str, Floats]
) -> dict[str, Floats]:
    """Step the populations of one component in update order; sets their trains, returns their currents."""
    inner = {p.name for p in populations}
    states = {p.name: State.at_rest((_BATCH, *work.shapes[p.name])) for p in populations}
    trains = {p.name: _silence(work, p) for p in populations}
    currents = {p.name: outside[p.name] + _bias_map(work, p) for p in populations}
    for t in range(work.steps):
        for population in populations:
            for projection in work.network.into(population.name):
                if projection.source in inner and t >= projection.delay:
                    spikes = trains[projection.source][t - projection.delay]
                    raw = apply_ops(projection, work.weights, spikes)
                    currents[population.name][t] += _normed(work, projection, raw)
            emitted, _ = step(population.neuron, states[population.name], currents[population.name][t])
            trains[population.name][t] = emitted
    work.trains.update(trains)
    return currents


def _observe_inner_norms(work: Calibration, populations: list[Population], inner: set[str]) -> None:
    for population in populations:
        for projection in work.network.into(population.name):
            if projection.source in inner:
                _observe_norm(work, projection, _raw_current(work, projection))


def _op_weights(work: Calibration, projection: Projection) -> list[tuple[str, Shape]]:
    """Name the weights of a projection's ops, with their shapes."""
    expected = weight_shapes(replace(work.network, projections=(projection,)), work.shapes)
    keys = {projection.weight_key(i) for i in range(len(projection.ops))}
    return [(name, shape) for name, shape in expected.items() if name in keys]


def _signed(weight: Array, sign: Sign) -> Array:
    match sign:
        case Sign.EXCITATORY:
            return np.abs(weight)
        case Sign.INHIBITORY:
            return -np.abs(weight)
        case Sign.FREE:
            return weight


def _raw_current(work: Calibration, projection: Projection) -> Floats:
    """Compute ops(S[t - delay]) for all steps, [T, B, *target shape]; zero before t = delay."""
    train = work.trains[projection.source]
    if projection.delay:
        quiet = np.zeros_like(train[: projection.delay])
        train = np.concatenate([quiet, train[: max(work.steps - projection.delay, 0)]])[: work.steps]
    if train.strides[0] == 0:  # a static input: the same at every step
        once = apply_ops(projection, work.weights, train[0])
        return np.broadcast_to(once, (work.steps, *once.shape))
    return np.stack([apply_ops(projection, work.weights, frame) for frame in train])


def _wanted_spread(population: Population) -> float:
    """The standard deviation of the current that moves the membrane by most of its threshold in a step."""
    neuron = population.neuron
    match neuron:
        case LIF():
            reach = neuron.v_threshold * neuron.tau / neuron.r
        case IF():
            reach = neuron.v_threshold / neuron.r
        case CubaLIF():
            reach = neuron.v_threshold * neuron.tau_mem * neuron.tau_syn / (neuron.r * neuron.w_in)
        case LI():
            reach = neuron.tau / neuron.r
        case Source():
            raise AssertionError("a source has no current")
    return 0.7 * abs(reach) or 1.0


def _gain(work: Calibration, population: Population, raw: dict[str, Floats]) -> float:
    """Find the factor on all weights into a population that spreads its unnormalised current as wanted."""
    plain = [p for p in work.network.into(population.name) if p.norm is None and _op_weights(work, p)]
    total = sum((raw[p.name] for p in plain if p.name in raw), start=np.zeros(1))
    spread = float(np.std(total))
    if not spread:  # nothing known yet, or a projection into a cycle: guess inputs at the target rate
        power = [_guessed_power(work, p) for p in plain]
        spread = float(np.sqrt(sum(power)))
    return work.recipe.gain(_wanted_spread(population) / spread) if spread else 1.0


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


def _observe_norm(work: Calibration, projection: Projection, raw: Floats) -> None:
    """Set a norm's statistics to those of the raw current over steps, samples and positions."""
    if projection.norm is None:
        return
    axes = (0, 1, *range(3, raw.ndim))
    if projection.norm.kind is NormKind.BATCH:
        work.weights[projection.norm_key("mean")] = raw.mean(axis=axes).astype(np.float32)
        variance = raw.var(axis=axes)
    else:
        variance = np.square(raw).mean(axis=axes)
    quiet = variance < 1e-6 * max(float(variance.max()), 1e-6)  # a channel without input stays as it is
    work.weights[projection.norm_key("var")] = np.where(quiet, 1.0, variance).astype(np.float32)


def _normed(work: Calibration, projection: Projection, raw: Floats) -> Floats:
    if projection.norm is None:
        return raw
    return normalise(
        projection, projection.norm, work.weights, raw, raw.ndim - len(work.shapes[projection.target])
    )


def _silence(work: Calibration, population: Population) -> Floats:
    return np.zeros((work.steps, _BATCH, *work.shapes[population.name]))


def _bias_map(work: Calibration, population: Population) -> Floats:
    if not population.bias:
        return np.zeros(1)
    bias = work.weights[population.bias_key].astype(np.float64)
    return per_channel(bias, len(work.shapes[population.name]))


def _bias(work: Calibration, population: Population, current: Floats) -> None:
    """Search the bias, equal for all channels, at which a population fires near the target rate."""

    def train_at(value: float) -> Floats:
        state = State.at_rest((_BATCH, *work.shapes[population.name]))
        return np.stack([step(population.neuron, state, frame + value)[0] for frame in current])

    chosen = 0.0
    if population.bias and not isinstance(population.neuron, LI):
        reach = float(np.abs(current).max()) + 4 * _wanted_spread(population)
        low, high = -reach, reach
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if train_at(middle).mean() < TARGET_RATE else (low, middle)
        gain = work.gains[population.name]
        options = {work.recipe.bias(value, gain, population.name) for value in (low, high, high + gain)}
        chosen = min(sorted(options), key=lambda value: abs(float(train_at(value).mean()) - TARGET_RATE))
    if population.bias:
        channels = work.shapes[population.name][0]
        work.weights[population.bias_key] = np.full(channels, chosen, np.float32)
    work.trains[population.name] = train_at(chosen)
