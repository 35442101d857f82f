"""Accuracy: the validation samples it is measured on, and the test samples it never sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msc.ir.neurons import InputKind
from msc.search.data import Split
from msc.search.data.digits import digits
from msc.search.health import TrainError
from msc.search.scoring.fitness import Evidence
from msc.search.scoring.fitness import accuracy as module
from msc.search.scoring.fitness.accuracy import accuracy, validation_split
from msc.search.train import Settings, Trained, train_network
from tests.search.genomes import network_of
from tests.search.sample_genomes import layered

DIGITS = digits()
SPLIT = replace(DIGITS, train_inputs=DIGITS.train_inputs[:800], train_labels=DIGITS.train_labels[:800])
NETWORK = network_of(layered([(1, [1, 1])], input_shape=[1, 8, 8], classes=10, votes=5, channels=16))


def test_a_fifth_of_each_class_is_held_out_of_the_training_samples() -> None:
    found = validation_split(DIGITS)
    everything = [*found.train_inputs, *found.test_inputs]
    assert sorted(x.tobytes() for x in everything) == sorted(x.tobytes() for x in DIGITS.train_inputs)
    for label in range(10):
        members = np.count_nonzero(DIGITS.train_labels == label)
        assert np.count_nonzero(found.test_labels == label) == round(0.2 * members)
        assert np.count_nonzero(found.train_labels == label) == members - round(0.2 * members)


def test_labels_stay_with_their_samples() -> None:
    found = validation_split(DIGITS)
    label_of = {x.tobytes(): y for x, y in zip(DIGITS.train_inputs, DIGITS.train_labels, strict=True)}
    for inputs, labels in ((found.train_inputs, found.train_labels), (found.test_inputs, found.test_labels)):
        assert [label_of[x.tobytes()] for x in inputs] == labels.tolist()


def test_the_same_samples_are_held_out_every_time() -> None:
    np.testing.assert_array_equal(validation_split(DIGITS).test_inputs, validation_split(DIGITS).test_inputs)


def test_samples_of_events_lie_on_the_second_axis() -> None:
    labels = np.repeat(np.arange(2), 5)
    events = np.broadcast_to(np.arange(10, dtype=np.float32)[None, :, None, None, None], (3, 10, 1, 2, 2))
    found = validation_split(Split("e", InputKind.EVENTS, 2, events, labels, events, labels))
    assert found.train_inputs.shape == (3, 8, 1, 2, 2)
    assert found.test_inputs.shape == (3, 2, 1, 2, 2)
    assert (found.test_inputs[0, :, 0, 0, 0] // 5).tolist() == found.test_labels.tolist() == [0, 1]


def test_test_samples_are_never_looked_at() -> None:
    spoiled = replace(
        SPLIT, test_inputs=np.full_like(SPLIT.test_inputs, np.nan), test_labels=SPLIT.test_labels * 0
    )
    plain, without = (accuracy(Evidence(NETWORK, split=s, epochs=2)) for s in (SPLIT, spoiled))
    assert plain == without
    assert plain > 0.2


def test_trains_as_long_and_from_the_seed_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Split, Settings]] = []

    def spy(network: object, split: Split, settings: Settings) -> Trained:
        told.append((split, settings))
        return train_network(NETWORK, split, settings)

    monkeypatch.setattr(module, "train_network", spy)
    found = accuracy(Evidence(NETWORK, split=SPLIT, seed=5, epochs=1))
    ((split, settings),) = told
    assert settings == Settings(epochs=1, seed=5)
    hits = found * len(split.test_labels)
    assert hits == pytest.approx(round(hits))
    assert len(split.test_labels) == len(validation_split(SPLIT).test_labels)


def test_too_few_samples_are_refused() -> None:
    few = replace(SPLIT, train_inputs=SPLIT.train_inputs[:5], train_labels=np.arange(5))
    with pytest.raises(TrainError) as caught:
        accuracy(Evidence(NETWORK, split=few))
    assert str(caught.value) == (
        "data set digits: has 5 training samples, too few to hold 20% of a class out; "
        "use more samples, or a measure that needs no training"
    )


def test_a_training_that_breaks_down_says_so() -> None:
    wide = replace(SPLIT, train_inputs=SPLIT.train_inputs.repeat(2, axis=-1))
    with pytest.raises(TrainError, match=r"genome input_shape: is \[1, 8, 8\]"):
        accuracy(Evidence(NETWORK, split=wide))
