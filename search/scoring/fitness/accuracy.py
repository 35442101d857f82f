"""Accuracy after a brief training: the costly measure that the others stand in for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msc.search.data import Split
from msc.search.data.files import sample_axis
from msc.search.health import TrainError
from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.train import Settings, train_network

HELD_OUT = 0.2
_SEED = 0  # every network, under every seed, is validated on the same samples


def accuracy(evidence: Evidence) -> float:
    """Trains the network and returns the share of validation samples that it classifies correctly.

    Trains for `evidence.epochs` from `evidence.seed` on four fifths of the training samples, and validates
    on the rest: a search that looked at the test samples would be selected on them. Raises as
    `train_network` does, and TrainError where there are too few samples to hold any out.
    """
    assert evidence.split is not None, "a measure that trains needs data"
    settings = Settings(epochs=evidence.epochs, seed=evidence.seed)
    return train_network(evidence.network, validation_split(evidence.split), settings).accuracy


def validation_split(split: Split) -> Split:
    """Hold a fifth of each class's training samples out in place of the test samples, by a fixed seed."""
    held_out = _held_out(split.train_labels)
    train, validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if not len(validation):
        raise TrainError.of(
            f"data set {split.name}",
            f"has {len(held_out)} training samples, too few to hold {HELD_OUT:.0%} of a class out",
            "use more samples, or a measure that needs no training",
        )
    axis = sample_axis(split.kind)
    return replace(
        split,
        train_inputs=split.train_inputs.take(train, axis),
        train_labels=split.train_labels[train],
        test_inputs=split.train_inputs.take(validation, axis),
        test_labels=split.train_labels[validation],
    )


def _held_out(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    rng = np.random.default_rng(_SEED)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out[members[: round(HELD_OUT * len(members))]] = True
    return held_out


FITNESS = Fitness(
    name="accuracy",
    title="validation accuracy after brief training",
    better=Better.HIGHER,
    source="train-then-evaluate, the baseline of Pan et al., MSE-NAS, arXiv 2304.10749",
    measure=accuracy,
    spikes=False,
    trains=True,
)
