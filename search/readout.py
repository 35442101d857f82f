"""Classes from the head's spikes: the mean over time steps, and over the neurons that vote for a class."""

from __future__ import annotations

from typing import Any, TypeVar

Array = TypeVar("Array", bound=Any)


def class_scores(outputs: Array, classes: int) -> Array:
    """Average head outputs [T, B, classes * votes] to scores [B, classes] (numpy or torch alike).

    Neuron k * votes + j votes for class k.
    """
    return outputs.mean(0).reshape(outputs.shape[1], classes, -1).mean(-1)
