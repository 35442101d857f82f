"""BIE and its two variants, by hand and against loops over the stored spikes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from msc.search.scoring.fitness.bie import bie
from msc.search.scoring.fitness.bie_binary import bie_binary
from msc.search.scoring.fitness.bie_norm import bie_norm
from tests.search.scoring.fitness.spikes import BY_HAND, SATURATED, SILENT, Batch, evidence, random_batch

RANDOM = [[random_batch(1)], [random_batch(2), random_batch(3)], [random_batch(4, steps=1, samples=3)]]


def manhattan(a: Sequence[float], b: Sequence[float]) -> int:
    return sum(abs(int(x) - int(y)) for x, y in zip(a, b, strict=True))


def concatenated(batch: Batch) -> np.ndarray:
    """Spikes of all neurons of all populations, [T, B, neurons]."""
    return np.concatenate([s.reshape(*s.shape[:2], -1) for s in batch.values()], axis=2)


def bie_brute_force(batch: Batch) -> int:
    """Equations 3 and 5 word by word: counts over T, every ordered pair of samples, all neurons."""
    patterns = concatenated(batch).sum(axis=0)
    return sum(manhattan(a, b) for a in patterns for b in patterns)


def binary_brute_force(batch: Batch) -> float:
    calls = [s[t].reshape(s.shape[1], -1) for s in batch.values() for t in range(len(s))]
    return sum(manhattan(a, b) for call in calls for a in call for b in call) / len(calls)


def norm_brute_force(batch: Batch) -> float:
    """The expectation over neurons drawn at random for either sample: all N x N pairings, each once in N."""
    shares = []
    for spikes in batch.values():
        counts = spikes.reshape(*spikes.shape[:2], -1).sum(axis=0, dtype=np.float64)
        pairs = [(a, b) for i, a in enumerate(counts) for j, b in enumerate(counts) if i != j]
        expected = sum(np.abs(a[:, None] - b[None, :]).sum() / counts.shape[1] for a, b in pairs)
        if expected > 0:
            shares.append(sum(manhattan(a, b) for a, b in pairs) / expected)
    return float(np.mean(shares)) if shares else 0.0


def test_bie_by_hand() -> None:
    """Counts (2 0 1) and (0 1 2): d = 2 + 1 + 1 = 4, the matrix [[0 4] [4 0]] adds up to 8."""
    assert bie(evidence({"a": BY_HAND})) == 8


def test_bie_adds_populations_and_averages_batches() -> None:
    """A second population with the same spikes doubles 8 to 16; a silent batch halves the mean again."""
    both = {"a": BY_HAND, "b": BY_HAND}
    assert bie(evidence(both)) == 16
    assert bie(evidence(both, {"a": SILENT, "b": SILENT})) == 8


def test_binary_by_hand() -> None:
    """Step 1: (1 0 1) and (0 1 1) differ in 2 neurons; step 2: (1 0 0) and (0 0 1) in 2.

    The mean over the two calls is [[0 2] [2 0]], which adds up to 4.
    """
    assert bie_binary(evidence({"a": BY_HAND})) == 4


def test_binary_averages_populations() -> None:
    """Four calls, two of them silent: the mean matrix is [[0 1] [1 0]]."""
    assert bie_binary(evidence({"a": BY_HAND, "b": SILENT})) == 2


def test_norm_by_hand() -> None:
    """Of 3 neurons, 2 reach one spike and 1 reaches two, in both samples: q1 = 2/3, q2 = 1/3.

    E = 3 (2/3 1/3 + 1/3 2/3 + 1/3 2/3 + 2/3 1/3) = 8/3, and 4 / (8/3) = 1.5.
    """
    assert bie_norm(evidence({"a": BY_HAND})) == pytest.approx(1.5, rel=1e-15)


def test_norm_leaves_out_what_cannot_differ() -> None:
    assert bie_norm(evidence({"a": SILENT, "b": BY_HAND, "c": SATURATED})) == pytest.approx(1.5, rel=1e-15)
    assert bie_norm(evidence({"a": SILENT, "b": SATURATED})) == 0


def test_norm_is_one_for_independent_neurons_at_any_rate() -> None:
    rng = np.random.default_rng(0)
    for rate in (0.02, 0.2, 0.7):
        spikes = (rng.random((4, 8, 40_000)) < rate).astype(np.float32)
        assert bie_norm(evidence({"a": spikes})) == pytest.approx(1, abs=0.01)


def test_bie_follows_the_rate_and_the_size_where_the_norm_does_not() -> None:
    """Why minimising it needs guards and a floor: quieter and smaller is better, and silence is best."""
    rng = np.random.default_rng(0)
    loud, quiet = ((rng.random((4, 8, 2_000)) < rate).astype(np.float32) for rate in (0.4, 0.1))
    small = loud[:, :, :1_000]
    assert bie(evidence({"a": quiet})) < 0.6 * bie(evidence({"a": loud}))
    assert bie(evidence({"a": small})) < 0.6 * bie(evidence({"a": loud}))
    assert bie(evidence({"a": np.zeros_like(loud)})) == 0


@pytest.mark.parametrize("batches", RANDOM)
def test_bie_equals_brute_force_exactly(batches: list[Batch]) -> None:
    expected = sum(bie_brute_force(batch) for batch in batches) / len(batches)
    assert bie(evidence(*batches)) == expected
    assert expected > 0


@pytest.mark.parametrize("batches", RANDOM)
def test_binary_equals_brute_force(batches: list[Batch]) -> None:
    expected = sum(binary_brute_force(batch) for batch in batches) / len(batches)
    assert bie_binary(evidence(*batches)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("batches", RANDOM)
def test_norm_equals_brute_force(batches: list[Batch]) -> None:
    expected = sum(norm_brute_force(batch) for batch in batches) / len(batches)
    assert bie_norm(evidence(*batches)) == pytest.approx(expected, rel=1e-12)


def test_equal_samples_have_no_distance() -> None:
    batch = {name: spikes[:, [0, 0]] for name, spikes in random_batch(7).items()}
    for measure in (bie, bie_binary, bie_norm):
        assert measure(evidence(batch)) == 0
