"""SAHD and HD, by hand and against the published formulas on the stored spikes in float64."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest

from msc.search.scoring.fitness.hd import hd
from msc.search.scoring.fitness.sahd import sahd
from tests.search.scoring.fitness.spikes import BY_HAND, SILENT, Batch, evidence, random_batch

RANDOM = [random_batch(1), random_batch(2, steps=1, samples=12), random_batch(3, steps=9, samples=3)]


def published(batch: Batch, sparsity_aware: bool) -> float:
    """SNASNet's kernel from raw spikes: products of x and 1 - x, rates as shares, one call after another."""
    kernels = []
    for spikes in batch.values():
        for step in spikes.astype(np.float64):
            x = step.reshape(len(step), -1)
            samples, neurons = x.shape
            distance = x @ (1 - x).T + (1 - x) @ x.T
            rate = x.mean(axis=1).reshape(samples, 1)
            expected = (rate @ (1 - rate).T + (1 - rate) @ rate.T) * neurons
            kernels.append(neurons - (0.5 * distance / (expected + 1e-3) if sparsity_aware else distance))
    sign, score = np.linalg.slogdet(np.mean(kernels, axis=0))
    assert sign
    return float(score)


def test_hd_by_hand() -> None:
    """Two of three neurons differ at each step: K = [[3 1] [1 3]], det K = 8."""
    assert hd(evidence({"a": BY_HAND})) == pytest.approx(log(8), rel=1e-14)


def test_sahd_by_hand() -> None:
    """Step 1: both samples fire 2 of 3 neurons, E = 3 (2/3 1/3 + 1/3 2/3) = 4/3; step 2: 1 of 3, E = 4/3.

    They differ in 2 neurons at both: d_SAH = 0.5 * 2 / (4/3 + 0.001) = d, K = [[3 3-d] [3-d 3]],
    det K = 9 - (3 - d)^2 = 6 d - d^2.
    """
    d = 1 / (4 / 3 + 0.001)
    assert sahd(evidence({"a": BY_HAND})) == pytest.approx(log(6 * d - d * d), rel=1e-14)


def test_calls_are_averaged_over_populations() -> None:
    """With a silent population of 3 besides: K is the mean of [[3 1] [1 3]] and 3 everywhere, det K = 5."""
    both = evidence({"a": BY_HAND, "b": SILENT})
    assert hd(both) == pytest.approx(log(3 * 3 - 2 * 2), rel=1e-14)
    d = 1 / (4 / 3 + 0.001) / 2
    assert sahd(both) == pytest.approx(log(6 * d - d * d), rel=1e-14)


@pytest.mark.parametrize("batch", RANDOM)
def test_sahd_agrees_with_the_published_formula(batch: Batch) -> None:
    assert sahd(evidence(batch)) == pytest.approx(published(batch, sparsity_aware=True), rel=1e-9)


@pytest.mark.parametrize("batch", RANDOM)
def test_hd_agrees_with_the_published_formula(batch: Batch) -> None:
    assert hd(evidence(batch)) == pytest.approx(published(batch, sparsity_aware=False), rel=1e-9)


def test_samples_answered_alike_make_the_kernel_singular() -> None:
    """Also where rounding would leave elimination a remainder: ten samples, two of them equal."""
    batch = {
        name: spikes[:, [0, 1, 2, 3, 4, 5, 6, 7, 8, 2]] for name, spikes in random_batch(4, 5, 9).items()
    }
    assert sahd(evidence(batch)) == hd(evidence(batch)) == -inf


def test_silence_makes_the_kernel_singular() -> None:
    assert sahd(evidence({"a": SILENT})) == hd(evidence({"a": SILENT})) == -inf
    assert sahd(evidence({"a": BY_HAND}, {"a": SILENT})) == -inf


def test_sahd_sees_diversity_and_not_the_rate() -> None:
    """Independent neurons at any rate score the same; samples that share most neurons score less."""
    rng = np.random.default_rng(0)
    rates = (0.05, 0.2, 0.5)
    scores = [sahd(evidence({"a": (rng.random((4, 8, 5_000)) < r).astype(np.float32)})) for r in rates]
    assert max(scores) - min(scores) < 0.3
    alike = np.repeat(rng.random((4, 1, 5_000)) < 0.2, 8, axis=1) ^ (rng.random((4, 8, 5_000)) < 0.02)
    assert sahd(evidence({"a": alike.astype(np.float32)})) < min(scores) - 5


def test_sahd_grows_with_the_size_by_little_and_hd_by_much() -> None:
    """Twice the neurons: about ln 2 more for SAHD, B ln 2 more for HD."""
    rng = np.random.default_rng(0)
    large = (rng.random((4, 8, 20_000)) < 0.2).astype(np.float32)
    small = large[:, :, ::2].copy()
    grown = [measure(evidence({"a": large})) - measure(evidence({"a": small})) for measure in (sahd, hd)]
    assert grown == pytest.approx([log(2), 8 * log(2)], abs=0.05)
