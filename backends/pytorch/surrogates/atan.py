"""The arctangent surrogate (Fang et al. 2021, "Incorporating learnable membrane time constant", eq. 10)."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from torch import Tensor


@dataclass(frozen=True)
class Atan:
    """g'(x) = (alpha / 2) / (1 + (pi / 2 alpha x)^2), the derivative of arctan(pi / 2 alpha x) / pi + 1/2."""

    alpha: float = 2.0

    def derivative(self, distance: Tensor) -> Tensor:
        """Compute g'(x); it peaks at alpha / 2."""
        return (self.alpha / 2) / (1 + (pi / 2 * self.alpha * distance).square())


SURROGATE = Atan()
