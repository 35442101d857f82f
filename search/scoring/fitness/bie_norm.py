"""BIE divided by the distance that the observed rates alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.responses import Response


def bie_norm(evidence: Evidence) -> float:
    """Measures how far apart firing patterns are, as a share of what independent neurons would show.

    With c[i, n] the spike count of neuron n for sample i and q[k, i] the share of the population's N neurons
    whose count reaches k: sum over i != j of |c[i] - c[j]| over sum over i != j of E[i, j], where
    E[i, j] = N sum over k = 1..T of q[k, i] (1 - q[k, j]) + (1 - q[k, i]) q[k, j]
    is the distance expected if each neuron drew both counts independently at the observed frequencies.

    The mean over populations, then over batches. A population with E = 0 (silent, or saturated) can show no
    difference and is left out; 0 where all are. 1 where every sample is answered by neurons picked at random,
    less where the same neurons answer them all. The rate, which decides `bie`, cancels.
    """
    return fmean(_of_batch(responses) for responses in evidence.batches)


def _of_batch(responses: Sequence[Response]) -> float:
    expected = [_expected(response) for response in responses]
    shares = [float(r.distances.sum()) / e for r, e in zip(responses, expected, strict=True) if e > 0]
    return fmean(shares) if shares else 0.0


def _expected(response: Response) -> float:
    """Sum E over all pairs of different samples."""
    reached = response.levels
    # In integers N E = sum over k of a (N - b) + (N - a) b: 0 exactly where no difference is possible.
    pairs = reached.T @ (response.neurons - reached)
    return 2 * float(pairs.sum() - pairs.trace()) / response.neurons


FITNESS = Fitness(
    name="bie-norm",
    title="BIE relative to chance at the observed rates",
    better=Better.HIGHER,
    source="equation 5 of Pan et al., arXiv 2304.10749, over its expectation for independent neurons",
    measure=bie_norm,
)
