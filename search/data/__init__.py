"""Data sets, one a file, found there by their `DATASET`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msc.ir.neurons import InputKind


@dataclass(frozen=True)
class Split:
    """A data set split for training and testing.

    Inputs are float32: [N, *shape] for static frames, [T, N, *shape] for events; labels are int64 [N].
    """

    name: str
    kind: InputKind
    classes: int
    train_inputs: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample in one step."""
        leading = 1 if self.kind is InputKind.STATIC else 2
        return self.train_inputs.shape[leading:]


class Dataset(Protocol):
    """One data set in one file."""

    @property
    def name(self) -> str:
        """What `--data` calls it."""
        ...

    def load(self) -> Split:
        """Load it, split; the same arrays every time."""
        ...
