"""A network run in evaluation a span of steps at a time, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msc.backends.pytorch.emissions import Emissions
from msc.backends.pytorch.network import SpikingNetwork
from msc.backends.pytorch.neurons import State
from msc.backends.pytorch.updates import Updates
from msc.ir.network import Network, Projection
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import InputError, input_frames, input_steps


@dataclass(frozen=True, eq=False)
class Span:
    """What one population emitted from step `first` on: `values` [t, B, *shape].

    A source whose frame is the same at every step shows it once, [1, B, *shape], for all `steps`.
    `changed` counts, int64 [B], the neurons and steps of the span whose membrane the step changed, as
    `updates.Updates` says; None where that was not asked for, and of the source.
    """

    first: int
    steps: int
    population: str
    values: Tensor
    changed: Tensor | None


@torch.inference_mode()
def spans(
    module: SpikingNetwork,
    inputs: NDArray[Any],
    timesteps: int | None = None,
    steps_at_once: int = 1,
    updates: bool = False,
) -> Iterator[Span]:
    """Run a module in evaluation and yield, span by span, what each population emits, the source first.

    `inputs` is [B, *shape] for a static source, shown for `timesteps` (default: the network's) steps, else
    [T, B, *shape]; a span of other sources is converted when it is run. Spikes are those of `stream`: to the
    bit where float32 rounds nothing, else but for the order in which a library adds up other numbers of rows
    at once. `updates` counts the membranes that change. Raises InputError where the input does not fit.
    """
    assert not module.training, "spans are of networks in evaluation"
    source = module.network.source.neuron
    assert isinstance(source, Source)
    static = source.kind is InputKind.STATIC
    shown = module.network.timesteps if static and timesteps is None else timesteps
    if inputs.dtype.kind not in "fiub":
        input_frames(source, inputs, shown)  # says what is wrong
    total = input_steps(source, inputs.shape, shown)
    carried, weights = Carried(module.network), module.effective()
    frames = _frames(module, inputs, total) if static else None
    for first in range(0, total, steps_at_once):
        steps = min(steps_at_once, total - first)
        here = _frames(module, inputs[first : first + steps], None) if frames is None else frames
        span = _Going(carried, first, steps, here, updates)
        yield Span(first, steps, carried.source, here, None)
        for name, values in module.emit(span, weights):
            yield Span(first, steps, name, values, span.changed(name))
        span.forget(carried.source)


def _frames(module: SpikingNetwork, inputs: NDArray[Any], timesteps: int | None) -> Tensor:
    with np.errstate(over="ignore"):
        frames = np.ascontiguousarray(inputs, np.float32)
    x = torch.from_numpy(frames if frames.flags.writeable else frames.copy())  # torch warns of others
    # A sum is quick, and finite values rarely overflow in it.
    if not x.sum().isfinite() and not x.isfinite().all():
        raise InputError.of("input", "holds values that are not finite", "remove NaN and infinity")
    return module.frames(x, timesteps)[1]


class Carried:
    """What a run in spans of steps carries from each to the next.

    That is the `states` of all populations; of what populations with delayed projections emitted, `past`
    pieces, as many steps back as the longest delay; `constants`, currents that a static frame feeds, which
    stay the same; and what counts `updates`.
    """

    def __init__(self, network: Network) -> None:
        self.source = network.source.name
        neuron = network.source.neuron
        assert isinstance(neuron, Source)
        self.static = neuron.kind is InputKind.STATIC
        self.longest = {p.name: _longest_delay(network, p.name) for p in network.populations}
        self.states: dict[str, State] = {}
        self.past: dict[str, list[_Piece]] = {p.name: [] for p in network.populations}
        self.constants: dict[str, Tensor] = {}
        self.updates: dict[str, Updates] = {}


class _Going(Emissions):
    """A span of steps, from step `first` on, that goes on where the one before it ended."""

    def __init__(self, carried: Carried, first: int, steps: int, frames: Tensor, counted: bool) -> None:
        super().__init__(carried.source, frames, steps)
        self._carried = carried
        self._first = first
        self._counted = counted

    def changed(self, name: str) -> Tensor | None:
        """Return, int64 [B], how many membranes of a population changed in this span, and start from 0."""
        if not self._counted:
            return None
        counts = self._carried.updates[name].counts
        changed = counts.long()
        counts.zero_()
        return changed

    def carried(self, projection: Projection) -> Tensor:
        """Return what a projection delivers in these steps, before its ops: [t, B, *shape], or [1, ...]."""
        name, begin = projection.source, self._first - projection.delay
        values, silent = self.values[name], min(max(-begin, 0), self.steps)
        if self._repeats(projection):
            return values
        pieces = [torch.zeros_like(values[0])] * silent
        if self._is_static(name):
            pieces += [values[0]] * (self.steps - silent)
        else:
            for piece in (*self._carried.past[name], _Piece(self._first, values)):
                kept = piece.between(begin, begin + self.steps)
                if len(kept) == self.steps:
                    return kept
                pieces += [kept.flatten(0, 1)] if len(kept) else []
        # Joined in four axes, channels that lie last in memory stay there.
        return torch.cat(pieces).unflatten(0, (self.steps, -1))

    def before(self, name: str) -> Sequence[Tensor]:
        """List what a population emitted in steps before these, [B, *shape] each, the last one last."""
        return [step for piece in self._carried.past[name] for step in piece.values]

    def state(self, name: str) -> State | None:
        """Return the state that a population goes on from; None at rest."""
        return self._carried.states.get(name)

    def updates(self, name: str) -> Updates | None:
        """Return what counts a population's membranes that change; None where nobody asks."""
        if not self._counted:
            return None
        known = self._carried.updates
        if name not in known:
            device = self.values[self._carried.source].device
            known[name] = Updates(torch.zeros(self.batch, dtype=torch.float64, device=device))
        return known[name]

    def constant(self, projection: Projection) -> Tensor | None:
        """Return the current that a static frame delivers at every step, [1, B, *shape], once it is known."""
        return self._carried.constants.get(projection.name)

    def deliver(self, projection: Projection, current: Tensor) -> None:
        """Keep a current that stays as it is."""
        if self._repeats(projection):
            self._carried.constants[projection.name] = current

    def emit(self, name: str, values: Tensor, state: State) -> None:
        """Take what a population emitted, [t, B, *shape], and the state it is left in."""
        super().emit(name, values, state)
        self._carried.states[name] = state

    def forget(self, name: str) -> None:
        """Keep, of what nothing in these steps reads any more, what later ones read."""
        values, longest = self.values.pop(name), self._carried.longest[name]
        if not longest or self._is_static(name):
            return
        if len(values) > longest:  # without the rest of its memory
            values = values[-longest:].clone()
        after = self._first + self.steps
        pieces = [*self._carried.past[name], _Piece(after - len(values), values)]
        self._carried.past[name] = [
            piece for piece in pieces if piece.first + len(piece.values) > after - longest
        ]

    def _repeats(self, projection: Projection) -> bool:
        """Whether a projection delivers the same in these steps and all later ones."""
        return self._is_static(projection.source) and self._first >= projection.delay

    def _is_static(self, name: str) -> bool:
        return self._carried.static and name == self._carried.source


@dataclass(frozen=True, eq=False)
class _Piece:
    """What a population emitted from step `first` on, [t, B, *shape]."""

    first: int
    values: Tensor

    def between(self, begin: int, end: int) -> Tensor:
        """Return its steps from `begin` up to `end`."""
        return self.values[max(begin - self.first, 0) : max(end - self.first, 0)]


def _longest_delay(network: Network, name: str) -> int:
    return max((projection.delay for projection in network.out_of(name)), default=0)
