"""Counts of the membranes that steps change, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

FLOAT32_INTEGERS = 1 << 24  # float32 holds every integer up to here, whatever the order of summation


@dataclass
class Updates:
    """Adds up, per sample, the neurons whose membranes differ after a step, and its reset, from before it.

    `counts` is float64 [B]. Of a run's first step (not `begun`) every neuron counts. The definition is that
    of MembraneUpdates in NeuroBench 2.3.
    """

    counts: Tensor
    begun: bool = False

    def of(self, samples: slice) -> Updates:
        """Count for some of the samples: what is added there is added here."""
        return Updates(self.counts[samples], self.begun)

    def add(self, after: Tensor, before: Tensor) -> None:
        """Count a step, given the membranes after it and after the step before, which are overwritten."""
        neurons = prod(after.shape[1:])
        if not self.begun:
            self.begun = True
            self.counts.add_(neurons)
            return
        changed = torch.ne(after, before, out=before)  # ones that are floats add up fastest
        exact = after.dtype if neurons <= FLOAT32_INTEGERS else torch.float64
        self.counts.add_(changed.sum(tuple(range(1, changed.ndim)), dtype=exact))
