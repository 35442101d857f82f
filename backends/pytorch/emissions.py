"""What populations emit while a network runs, and what reaches projections of it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from msc.backends.pytorch.layout import delayed
from msc.backends.pytorch.neurons import State
from msc.backends.pytorch.updates import Updates
from msc.ir.network import Projection


class Emissions:
    """A run of all steps at once, from rest; a run in spans of steps is another kind.

    `values` holds, by population, what it emitted in `steps` steps, [T, B, *shape], while something reads it
    still; frames that are the same in every step once, [1, B, *shape].
    """

    def __init__(self, source: str, frames: Tensor, steps: int) -> None:
        self.steps = steps
        self.batch = frames.shape[1]
        self.values = {source: frames}

    def carried(self, projection: Projection) -> Tensor:
        """Return what a projection delivers in these steps, before its ops: [T, B, *shape], or [1, ...]."""
        return delayed(self.values[projection.source], projection.delay, self.steps)

    def before(self, name: str) -> Sequence[Tensor]:
        """List what a population emitted in steps before these, [B, *shape] each, the last one last."""
        return ()

    def state(self, name: str) -> State | None:
        """Return the state that a population goes on from; None at rest."""
        return None

    def updates(self, name: str) -> Updates | None:
        """Return what counts a population's membranes that change; None where nobody asks."""
        return None

    def constant(self, projection: Projection) -> Tensor | None:
        """Return the current of a projection, [1, B, *shape], where it is known from steps before these."""
        return None

    def deliver(self, projection: Projection, current: Tensor) -> None:
        """Take the current of a projection from outside of cycles, [T (or 1), B, *shape]."""

    def emit(self, name: str, values: Tensor, state: State) -> None:
        """Take what a population emitted, [T, B, *shape], and the state it is left in."""
        self.values[name] = values

    def forget(self, name: str) -> None:
        """Let go of what nothing in these steps reads any more."""
        del self.values[name]
