"""Digests of spikes, held against counting one by one."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from msc.search.scoring import responses
from msc.search.scoring.responses import Response, respond
from tests.search.scoring.fitness.spikes import BY_HAND, SATURATED, SILENT


def brute_force(spikes: NDArray[np.float32]) -> dict[str, NDArray[np.int64]]:
    """Every field of a response, by Python loops over samples and the words of its docstring."""
    steps, samples, *shape = spikes.shape
    s = spikes.astype(np.int64).reshape(steps, samples, prod(shape))
    counts = s.sum(axis=0)
    pairs = [(i, j) for i in range(samples) for j in range(samples)]
    overlaps = np.zeros((steps, samples, samples), np.int64)
    distances = np.zeros((samples, samples), np.int64)
    for i, j in pairs:
        distances[i, j] = sum(abs(int(a) - int(b)) for a, b in zip(counts[i], counts[j], strict=True))
        for t in range(steps):
            overlaps[t, i, j] = sum(1 for a, b in zip(s[t, i], s[t, j], strict=True) if a and b)
    levels = [
        [sum(1 for count in counts[b] if count >= k) for b in range(samples)] for k in range(1, steps + 1)
    ]
    return {
        "overlaps": overlaps,
        "distances": distances,
        "levels": np.array(levels, np.int64).reshape(steps, samples),
        "totals": counts.sum(axis=0).reshape(shape),
        "channels": np.array([[c.sum() for c in sample.reshape(shape)] for sample in counts], np.int64),
    }


def assert_equal(found: Response, spikes: NDArray[np.float32]) -> None:
    for field, expected in brute_force(spikes).items():
        value = getattr(found, field)
        assert value.dtype == np.int64, field
        assert value.shape == expected.shape, field
        np.testing.assert_array_equal(value, expected, err_msg=field)


@st.composite
def spike_tensors(draw: st.DrawFn) -> NDArray[np.float32]:
    steps, samples = draw(st.integers(0, 5)), draw(st.integers(1, 6))
    shape = draw(st.sampled_from([(1,), (2,), (9,), (1, 1, 1), (3, 2, 4), (2, 5, 5), (70,)]))
    rate = draw(st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (rng.random((steps, samples, *shape)) < rate).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(spike_tensors())
def test_digests_are_exact(spikes: NDArray[np.float32]) -> None:
    """With the numbers this CPU is quick at, and with those that any other device uses."""
    assert_equal(respond("a", torch.from_numpy(spikes)), spikes)
    with patch.object(responses, "_code_type", lambda _: torch.float32):
        assert_equal(respond("a", torch.from_numpy(spikes)), spikes)


@settings(max_examples=40, deadline=None)
@given(spike_tensors())
def test_blocks_of_neurons_add_up(spikes: NDArray[np.float32]) -> None:
    with patch.multiple(responses, _CPU_BLOCK=1, _LEAST_BLOCK=3):
        assert_equal(respond("a", torch.from_numpy(spikes)), spikes)


@pytest.mark.parametrize("neurons", [1, 2, 3, 4, 5, 1023, 5000])
def test_blocks_cover_the_neurons_once_and_are_never_of_one(neurons: int) -> None:
    """Matrix products of int8 go wrong on axes of length 1."""
    with patch.multiple(responses, _CPU_BLOCK=1, _LEAST_BLOCK=2):
        blocks = list(responses._blocks(torch.empty(1, 1, neurons)))
    assert (blocks[0].start, blocks[-1].stop) == (0, neurons)
    assert all(before.stop == after.start for before, after in pairwise(blocks))
    assert all(block.stop - block.start >= min(2, neurons) for block in blocks)


def test_by_hand() -> None:
    """Step 1: both fire neuron 2, each two neurons. Step 2: one neuron each, none in common.

    Counts (2 0 1) and (0 1 2) lie 2 + 1 + 1 = 4 apart; two neurons reach 1, one reaches 2 in each sample.
    """
    found = respond("a", torch.from_numpy(BY_HAND))
    assert found.population == "a"
    assert (found.shape, found.neurons, found.steps, found.samples) == ((3,), 3, 2, 2)
    assert found.overlaps.tolist() == [[[2, 1], [1, 2]], [[1, 0], [0, 1]]]
    assert found.fired.tolist() == [[2, 2], [1, 1]]
    assert found.hamming.tolist() == [[[0, 2], [2, 0]], [[0, 2], [2, 0]]]
    assert found.distances.tolist() == [[0, 4], [4, 0]]
    assert found.levels.tolist() == [[2, 2], [1, 1]]
    assert found.totals.tolist() == [2, 1, 3]
    assert found.channels.tolist() == [[2, 0, 1], [0, 1, 2]]
    assert found.rate == 6 / 12


def test_channels_and_totals_of_a_map() -> None:
    """One step, one sample, two channels of 1 x 2: the first fires in both places, the second in one."""
    found = respond("a", torch.tensor([[[[[1.0, 1.0]], [[0.0, 1.0]]]]]))
    assert found.totals.tolist() == [[[1, 1]], [[0, 1]]]
    assert found.channels.tolist() == [[2, 1]]
    assert found.rate == 0.75


def test_silent_and_saturated_samples_do_not_differ() -> None:
    for spikes, rate in ((SILENT, 0.0), (SATURATED, 1.0)):
        found = respond("a", torch.from_numpy(spikes))
        assert not found.distances.any()
        assert not found.hamming.any()
        assert found.rate == rate


def test_equal_samples_are_no_distance_apart_and_equally_far_from_others() -> None:
    spikes = (np.random.default_rng(0).random((3, 5, 4, 6)) < 0.4).astype(np.float32)
    spikes[:, 3] = spikes[:, 1]
    found = respond("a", torch.from_numpy(spikes))
    assert found.distances[1, 3] == 0
    np.testing.assert_array_equal(found.distances[1], found.distances[3])
    assert np.count_nonzero(found.distances == 0) == 7


@pytest.mark.parametrize("neurons", [2, 63, 1100])
def test_gram_matrices_are_exact_for_every_batch_size(neurons: int) -> None:
    spikes = (np.random.default_rng(neurons).random((2, 256, neurons)) < 0.3).astype(np.float32)
    for samples in (*range(1, 40), 63, 64, 65, 100, 127, 128, 129, 200, 255, 256):
        shown = spikes[:, :samples]
        found = respond("a", torch.from_numpy(shown))
        exact = shown.astype(np.float64)
        np.testing.assert_array_equal(found.overlaps, exact @ exact.transpose(0, 2, 1))
        counts = exact.sum(axis=0)
        np.testing.assert_array_equal(found.distances, cdist(counts, counts, "cityblock"))


def test_many_steps_do_not_overflow() -> None:
    """Counts of 300 do not fit the 8 bits that counts of few steps are kept in."""
    spikes = torch.zeros(300, 2, 4)
    spikes[:, 0, :3] = 1
    spikes[::2, 1, 2:] = 1
    found = respond("a", spikes)
    assert found.totals.tolist() == [300, 300, 450, 150]
    assert found.distances.tolist() == [[0, 300 + 300 + 150 + 150], [900, 0]]
    assert found.levels[[0, 149, 150, 299]].tolist() == [[3, 2], [3, 2], [3, 0], [3, 0]]


def test_a_large_population_keeps_every_spike() -> None:
    spikes = torch.ones(1, 2, 2**20 + 1)
    spikes[0, 1, 0] = 0
    found = respond("a", spikes)
    assert found.overlaps.tolist() == [[[2**20 + 1, 2**20], [2**20, 2**20]]]
    assert found.distances.tolist() == [[0, 1], [1, 0]]


def test_memory_order_and_the_callers_spikes_do_not_matter() -> None:
    plain = (torch.rand(3, 4, 5, 6, 7, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    before = plain.clone()
    expected = respond("a", plain)
    assert torch.equal(plain, before)
    last = plain.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    assert not last.is_contiguous()
    for field in brute_force(np.zeros((1, 1, 1), np.float32)):
        np.testing.assert_array_equal(getattr(respond("a", last), field), getattr(expected, field))


def test_what_is_no_spike_is_a_bug() -> None:
    spikes = torch.zeros(2, 2, 3)
    spikes[0, 0, 0] = 2
    with pytest.raises(AssertionError, match=r"layer1\.A: spikes are 0 or 1"):
        respond("layer1.A", spikes)


def test_no_steps_have_no_rate() -> None:
    found = respond("a", torch.zeros(0, 3, 2, 4, 4))
    assert found.rate == 0
    assert found.channels.shape == (3, 2)
    assert found.totals.shape == (2, 4, 4)
    assert prod(found.overlaps.shape) == prod(found.levels.shape) == 0
