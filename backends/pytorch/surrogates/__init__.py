"""Surrogate gradients, one a file, found there by their `SURROGATE`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Surrogate(Protocol):
    """The function that stands for the derivative of the spike's step function when training."""

    def derivative(self, distance: Tensor) -> Tensor:
        """Compute g'(V - v_threshold), elementwise."""
        ...
