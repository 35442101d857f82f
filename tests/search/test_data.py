"""The data sets: real, split the same way every time, in the range promised."""

from __future__ import annotations

import numpy as np
import pytest

from msc.ir.neurons import InputKind
from msc.search.data import find_data
from msc.search.data.digits import digits
from tests.requires import require


@pytest.mark.parametrize("name", ["digits", "saccades:digits"])
def test_a_data_set_that_needs_no_files_fits_its_own_description(name: str) -> None:
    require("sklearn", "scikit-learn")
    split = find_data(name)
    assert split.name == name
    for inputs, labels in ((split.train_inputs, split.train_labels), (split.test_inputs, split.test_labels)):
        assert inputs.dtype == np.float32
        assert labels.dtype == np.int64
        assert len(labels) == inputs.shape[0 if split.kind is InputKind.STATIC else 1]
        assert set(np.unique(labels)) == set(range(split.classes))


def test_digits_are_stratified_and_held_out() -> None:
    require("sklearn", "scikit-learn")
    split = digits()
    assert split.shape == (1, 8, 8)
    assert (len(split.train_labels), len(split.test_labels)) == (1437, 360)
    assert split.train_inputs.min() == 0
    assert split.train_inputs.max() == 1
    shares = np.bincount(split.test_labels) / np.bincount(split.train_labels)
    assert shares.min() > 0.22
    assert shares.max() < 0.28
    from sklearn.datasets import load_digits

    everything = np.concatenate([split.train_inputs, split.test_inputs]).reshape(-1, 64) * 16
    order = np.lexsort(everything.T)
    expected = load_digits().data
    np.testing.assert_array_equal(everything[order], expected[np.lexsort(expected.T)])


def test_digits_are_the_same_every_time() -> None:
    require("sklearn", "scikit-learn")
    np.testing.assert_array_equal(digits().test_inputs, digits().test_inputs)
    assert not np.array_equal(np.sort(digits().train_labels), digits().train_labels)
