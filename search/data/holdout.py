"""Samples held out to test on, where a data set comes without any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msc.search.data import DataError

SPLIT_SEED = 0
TEST_SHARE = 0.2


def held_out(where: str, labels: NDArray[np.int64], fix: str) -> NDArray[np.bool_]:
    """Choose the samples to test on: of each class its share, rounded, by one fixed seed.

    Raises DataError, with `fix` as its advice, where that is none.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    testing = np.zeros(len(labels), bool)
    testing[by_class[rank < np.repeat(np.floor(TEST_SHARE * counts + 0.5), counts)]] = True
    if not testing.any():
        what = f"{len(labels)} samples of {len(counts)} classes are too few to hold {TEST_SHARE:.0%} out"
        raise DataError.of(where, what, fix)
    return testing
