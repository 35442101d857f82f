"""The calibration in hand: weights drawn so far, and what every finished population emits under them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msc.ir.linear import Floats, apply_ops, normalise, per_channel
from msc.ir.network import Array, Network, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Source, in_floating_point
from msc.ir.ops import Shape
from msc.ir.step import State, step

TARGET_RATE = 0.2
RATES = (0.05, 0.5)
BATCH = 4
_BISECTIONS = 16
_LEAST_DIVERSITY = 0.05
_CANDIDATES = 24


class Recipe(Protocol):
    """What differs between kinds of weights: how they are drawn and on which grid gains and biases lie."""

    def draw(self, rng: np.random.Generator, shape: Shape, projection: Projection) -> Array:
        """Draw the unscaled weights of one op of a projection; its sign is applied afterwards."""
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
        return np.random.default_rng(part_seed(self.seed, name))


def part_seed(seed: int, name: str) -> NDArray[np.uint32]:
    """Make the seed of one named part: the same in any network that has it under this name."""
    return np.frombuffer(hashlib.sha256(f"{seed}/{name}".encode()).digest(), np.uint32)


def signed(weight: Array, sign: Sign) -> Array:
    """Hold drawn weights to a sign: |w|, -|w| or w."""
    match sign:
        case Sign.EXCITATORY:
            return np.abs(weight)
        case Sign.INHIBITORY:
            return -np.abs(weight)
        case Sign.FREE:
            return weight


def raw_current(work: Calibration, projection: Projection) -> Floats:
    """Compute ops(S[t - delay]) for all steps, [T, B, *target shape]; zero before t = delay."""
    train = work.trains[projection.source]
    if projection.delay:
        quiet = np.zeros_like(train[: projection.delay])
        train = np.concatenate([quiet, train[: max(work.steps - projection.delay, 0)]])[: work.steps]
    if train.strides[0] == 0:  # a static input: the same at every step
        once = apply_ops(projection, work.weights, train[0])
        return np.broadcast_to(once, (work.steps, *once.shape))
    return np.stack([apply_ops(projection, work.weights, frame) for frame in train])


def wanted_spread(population: Population) -> float:
    """The standard deviation of the current that moves the membrane by most of its threshold in a step."""
    neuron = population.neuron
    match neuron:
        case LIF():
            reach, gain = neuron.v_threshold, neuron.r / neuron.tau
        case IF():
            reach, gain = neuron.v_threshold, neuron.r
        case CubaLIF():
            reach, gain = neuron.v_threshold, neuron.r / neuron.tau_mem * neuron.w_in / neuron.tau_syn
        case LI():
            reach, gain = 1.0, neuron.r / neuron.tau
        case Source() | FixedLIF():
            raise AssertionError("a source has no current, a fixed-point population has its weights")
    return 0.7 * abs(reach / gain) if reach and gain else 1.0  # no current moves a neuron without gain


def observe_norm(work: Calibration, projection: Projection, raw: Floats) -> None:
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


def normed(work: Calibration, projection: Projection, raw: Floats) -> Floats:
    """Apply the projection's norm, if it has one, to its raw current [..., *target shape]."""
    if projection.norm is None:
        return raw
    return normalise(
        projection, projection.norm, work.weights, raw, raw.ndim - len(work.shapes[projection.target])
    )


def silence(work: Calibration, population: Population) -> Floats:
    """Make a train without spikes, [T, B, *shape]."""
    return np.zeros((work.steps, BATCH, *work.shapes[population.name]))


def bias_map(work: Calibration, population: Population) -> Floats:
    """Shape the population's bias so that it broadcasts over its current."""
    if not population.bias:
        return np.zeros(1)
    bias = work.weights[population.bias_key].astype(np.float64)
    return per_channel(bias, len(work.shapes[population.name]))


def set_bias(work: Calibration, population: Population, current: Floats) -> None:
    """Search the bias, equal for all channels, at which a population fires near the target rate.

    Where all samples then look alike (a weak input under a strong bias), take instead the bias between
    rates of 5 and 50 % that tells samples apart best.
    """

    def train_at(value: float) -> Floats:
        neuron = in_floating_point(population.neuron)
        state = State.at_rest((BATCH, *work.shapes[population.name]))
        return np.stack([step(neuron, state, frame + value)[0] for frame in current])

    chosen = 0.0
    if population.bias and not isinstance(population.neuron, LI):
        reach = float(np.abs(current).max()) + 4 * wanted_spread(population)
        gain = work.gains[population.name]

        def allowed(value: float) -> float:
            return work.recipe.bias(value, gain, population.name)

        near = _value_at_rate(train_at, TARGET_RATE, reach)
        options = {allowed(near), allowed(near + gain), allowed(near - gain)}
        chosen = min(sorted(options), key=lambda value: abs(float(train_at(value).mean()) - TARGET_RATE))
        if diversity(train_at(chosen)) < _LEAST_DIVERSITY:
            low, high = (_value_at_rate(train_at, rate, reach) for rate in RATES)
            tried = sorted({chosen, *(allowed(value) for value in np.linspace(low, high, _CANDIDATES))})
            lively = [value for value in tried if RATES[0] <= train_at(value).mean() <= RATES[1]]
            chosen = max(lively or [chosen], key=lambda value: diversity(train_at(value)))
    if population.bias:
        channels = work.shapes[population.name][0]
        work.weights[population.bias_key] = np.full(channels, chosen, np.float32)
    work.trains[population.name] = train_at(chosen)


def _value_at_rate(train_at: Callable[[float], Floats], rate: float, reach: float) -> float:
    """Bisect the bias in -reach..reach at which a population begins to fire at `rate`."""
    low, high = -reach, reach
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if train_at(middle).mean() < rate else (low, middle)
    return high


def diversity(train: Floats) -> float:
    """How much samples differ: the share of (step, neuron) places at which not all of them agree."""
    return float((train != train[:, :1]).any(axis=1).mean())
