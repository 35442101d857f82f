"""Kernel matrices over samples, scored by how different a network makes the samples look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from msc.search.scoring.responses import Response


def mean_hamming(responses: Sequence[Response]) -> NDArray[np.float64]:
    """Average the Hamming distances [B, B] between samples over all populations and steps."""
    together = np.stack([response.overlaps.sum(axis=0) for response in responses]).sum(axis=0)
    own = together.diagonal()
    return (own[:, None] + own - 2 * together) / calls(responses)


def calls(responses: Sequence[Response]) -> int:
    """Count the matrices that are averaged: one for each population and step."""
    return sum(response.steps for response in responses)


def log_determinant(kernel: NDArray[np.float64], distances: NDArray[np.float64]) -> float:
    """Compute ln |det K| of a kernel [B, B] over samples that lie `distances` apart.

    Minus infinity where it is singular; two samples that every neuron answers alike make it so, which is
    read from the distances: elimination in floating point may leave a remainder of two equal rows.
    """
    if np.count_nonzero(distances == 0) > len(distances):
        return float("-inf")
    return float(np.linalg.slogdet(kernel)[1])
