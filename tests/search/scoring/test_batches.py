"""Batches are distinct training samples, the same for the same seed, and named by their hash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.ir.neurons import InputKind
from msc.search.data import DataError, Split
from msc.search.scoring.batches import batches_hash, draw_batches


def numbered(samples: int, kind: InputKind = InputKind.STATIC) -> Split:
    """A data set whose every training sample holds its own number, in each step."""
    numbers = np.arange(samples, dtype=np.float32)
    static = np.broadcast_to(numbers[:, None, None, None], (samples, 1, 2, 2))
    inputs = static if kind is InputKind.STATIC else np.broadcast_to(static, (3, *static.shape))
    labels = np.arange(samples) % 2
    return Split("numbered", kind, 2, inputs.copy(), labels, inputs[..., :1, :].copy(), labels)


@given(
    batch=st.integers(1, 7),
    batches=st.integers(1, 4),
    spare=st.integers(0, 5),
    seed=st.integers(0, 2**63 - 1),
    kind=st.sampled_from([InputKind.STATIC, InputKind.EVENTS]),
)
def test_samples_are_drawn_once_and_whole(
    batch: int, batches: int, spare: int, seed: int, kind: InputKind
) -> None:
    split = numbered(batch * batches + spare, kind)
    drawn = draw_batches(split, batch, batches, seed)
    leading = (batch,) if kind is InputKind.STATIC else (3, batch)
    assert [array.shape for array in drawn] == [(*leading, 1, 2, 2)] * batches
    assert all(array.dtype == np.float32 for array in drawn)
    numbers = np.concatenate([array.reshape(-1, batch, 4)[0, :, 0] for array in drawn])
    assert len(set(numbers.tolist())) == batch * batches
    for array in drawn:
        flat = array.reshape(-1, batch, 4)
        assert (flat == flat[:1, :, :1]).all(), "a sample was torn apart"
    again = draw_batches(split, batch, batches, seed)
    assert batches_hash(again) == batches_hash(drawn)


def test_seeds_draw_other_samples_in_another_order() -> None:
    split = numbered(100)
    first, second = draw_batches(split, 10, 1, 0), draw_batches(split, 10, 1, 1)
    assert batches_hash(first) != batches_hash(second)
    assert not (np.sort(first[0].ravel()) == first[0].ravel()).all()


def test_the_hash_covers_values_shapes_order_and_what_is_trained_on() -> None:
    split = numbered(8)
    one, other = draw_batches(split, 4, 2, 0)
    hashes = {
        batches_hash((one, other)),
        batches_hash((other, one)),
        batches_hash((one,)),
        batches_hash((one.reshape(4, 2, 1, 2), other)),
        batches_hash((one + np.float32(1e-3), other)),
        batches_hash((one, other), split),
        batches_hash((one, other), numbered(9)),
    }
    assert len(hashes) == 7
    assert batches_hash((one.astype(">f4"), other)) == batches_hash((one, other))


def test_the_hash_is_known() -> None:
    """It names the samples in histories, so it may not change from one version to the next."""
    known = "3bb6ebf5bbd2f1f2a833d9356d85c4127b1f2e255e0bf0cf5675e6912e9af5fa"
    assert batches_hash(draw_batches(numbered(6), 2, 2, 0)) == known


def test_too_few_samples_are_refused_with_the_numbers() -> None:
    with pytest.raises(DataError) as refused:
        draw_batches(numbered(10), 6, 2, 0)
    assert str(refused.value) == (
        "--data numbered: has 10 training samples, 2 batches of 6 need 12; "
        "use a smaller --batch or fewer --batches"
    )
