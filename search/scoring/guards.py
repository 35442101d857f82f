"""Guards: what a network must pass to count at all, whatever it scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Network
from msc.search.scoring.rates import mean_rate, population_rates
from msc.search.scoring.records import Violation
from msc.search.scoring.responses import Response

_NAMED = 4


@dataclass(frozen=True)
class Limits:
    """Sizes the user sets; None is no limit. `max_synops` is per sample, over all steps."""

    max_params: int | None = None
    max_synops: int | None = None
    min_neurons: int | None = None
    max_neurons: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Make the JSON object of the limits."""
        return asdict(self)

    def violations(self, params: int, neurons: int, synops: float | None = None) -> tuple[Violation, ...]:
        """List the limits that sizes break; `synops` is None before anything was simulated."""
        found = (
            _above("max-params", "parameters", params, self.max_params),
            _above("max-neurons", "neurons", neurons, self.max_neurons),
            _above("max-synops", "synaptic operations a sample", synops, self.max_synops),
            _below("min-neurons", "neurons", neurons, self.min_neurons),
        )
        return tuple(violation for violation in found if violation is not None)


@dataclass(frozen=True)
class Guards:
    """Bounds on what a network does under initial weights.

    A population is silent below the rate `silent` and saturated above `saturated` (spikes per neuron and
    step); the mean rate of all neurons lies between `lowest_rate` and `highest_rate`. The output neurons'
    rates vary over samples with at least `output_variance` (mean over neurons). The channels that the
    output reads have at least `diversity` effective dimensions over samples, or half of what their number
    and the batch allow: rates alone call a collapsed network healthy (strict Dale leaves 1.0 to 1.2 of 64).
    """

    silent: float = 0.001
    saturated: float = 0.9
    lowest_rate: float = 0.005
    highest_rate: float = 0.5
    output_variance: float = 1e-4
    diversity: float = 1.5

    def to_json(self) -> dict[str, Any]:
        """Make the JSON object of the guards."""
        return asdict(self)

    def violations(self, network: Network, batches: Sequence[Sequence[Response]]) -> tuple[Violation, ...]:
        """List the guards that responses to batches do not pass."""
        return tuple(self._violations(network, batches))

    def _violations(self, network: Network, batches: Sequence[Sequence[Response]]) -> Iterator[Violation]:
        rates = population_rates(batches)
        silent = [name for name, rate in rates.items() if rate < self.silent]
        if silent:
            yield Violation("silent", len(silent) / len(rates), f"{_named(silent)} below {self.silent:.1%}")
        full = [name for name, rate in rates.items() if rate > self.saturated]
        if full:
            yield Violation("saturated", len(full) / len(rates), f"{_named(full)} above {self.saturated:.0%}")
        mean = mean_rate(batches)
        if not self.lowest_rate <= mean <= self.highest_rate:
            outside = max(self.lowest_rate - mean, mean - self.highest_rate)
            window = f"outside {self.lowest_rate:.1%} to {self.highest_rate:.0%}"
            yield Violation("rate", min(1.0, outside), f"mean rate {mean:.2%}, {window}")
        variance = _mean(output_variance(network, responses) for responses in batches)
        if variance < self.output_variance:
            short = (self.output_variance - variance) / self.output_variance
            yield Violation("output", short, f"output varies over samples by {variance:.1e} only")
        floor = _mean(min(self.diversity, possible_diversity(network, r) / 2) for r in batches)
        diversity = _mean(output_diversity(network, responses) for responses in batches)
        if diversity < floor:
            what = f"{diversity:.2f} effective dimensions reach the output, {floor:.2f} are needed"
            yield Violation("diversity", (floor - diversity) / floor, what)


def output_variance(network: Network, responses: Sequence[Response]) -> float:
    """Variance over samples of the output neurons' (or channels') rates, mean over them."""
    output = [response for response in responses if response.population == network.output]
    return float(_features(output).var(axis=0).mean()) if output else 1.0


def output_diversity(network: Network, responses: Sequence[Response]) -> float:
    """Effective dimensions of what the output reads: the participation ratio of its channels' rates.

    (tr C)^2 / tr(C^2) for the covariance C over samples of the mean rate of each channel in the
    populations that feed the output; 0 where nothing varies.
    """
    features = _features(_read_by_output(network, responses))
    centred = features - features.mean(axis=0)
    gram = centred @ centred.T
    squares = float(np.square(gram).sum())
    return float(np.trace(gram)) ** 2 / squares if squares > 0 else 0.0


def possible_diversity(network: Network, responses: Sequence[Response]) -> int:
    """The most effective dimensions there can be: channels that feed the output, or samples less one."""
    samples, channels = _features(_read_by_output(network, responses)).shape
    return max(1, min(samples - 1, channels))


def _read_by_output(network: Network, responses: Sequence[Response]) -> list[Response]:
    feeding = {projection.source for projection in network.into(network.output)}
    return [response for response in responses if response.population in feeding] or list(responses)


def _features(responses: Sequence[Response]) -> NDArray[np.float64]:
    """Rates of all channels of populations, [B, channels]."""
    parts = [r.channels / (r.neurons / r.shape[0] * r.steps) for r in responses]
    return np.concatenate(parts, axis=1)


def _above(guard: str, what: str, value: float | None, most: int | None) -> Violation | None:
    if value is None or most is None or value <= most:
        return None
    return Violation(guard, (value - most) / value, f"{value:,.0f} {what}, at most {most:,} wanted")


def _below(guard: str, what: str, value: float, least: int | None) -> Violation | None:
    if least is None or value >= least:
        return None
    return Violation(guard, (least - value) / least, f"{value:,.0f} {what}, at least {least:,} wanted")


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _mean(values: Iterator[float] | Sequence[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def finite_or_none(values: Mapping[str, float]) -> dict[str, float | None]:
    """Replace what is no finite number by None: it must never be compared."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
