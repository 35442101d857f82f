"""The batches that a search shows its candidates: distinct training samples, drawn once from its seed."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from msc.search.data import DataError, Split
from msc.search.data.files import sample_axis

_STREAM = 1  # of random numbers, apart from those that draw genes from the same seed


def draw_batches(split: Split, batch: int, batches: int, seed: int) -> tuple[NDArray[np.float32], ...]:
    """Draw `batches` batches of `batch` training samples each, none of them twice.

    A batch is [batch, *shape] of static frames, [T, batch, *shape] of events. The same arguments give the
    same arrays. Raises DataError where there are too few samples.
    """
    samples, needed = len(split.train_labels), batch * batches
    if needed > samples:
        raise DataError.of(
            f"--data {split.name}",
            f"has {samples} training samples, {batches} batches of {batch} need {needed}",
            "use a smaller --batch or fewer --batches",
        )
    chosen = np.random.default_rng([seed, _STREAM]).permutation(samples)[:needed].reshape(batches, batch)
    return tuple(split.train_inputs.take(members, sample_axis(split.kind)) for members in chosen)


def batches_hash(batches: tuple[NDArray[np.float32], ...], split: Split | None = None) -> str:
    """Hash batches: sha256 (hex) over shapes and values, and over all of `split` where one is given."""
    arrays: list[NDArray[np.float32] | NDArray[np.int64]] = list(batches)
    if split is not None:
        arrays += [split.train_inputs, split.train_labels, split.test_inputs, split.test_labels]
    digest = sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(repr((little.dtype.str, array.shape)).encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
