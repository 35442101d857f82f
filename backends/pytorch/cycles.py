"""A cycle of populations, stepped together because each step of one needs the others' last ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from msc.backends.pytorch.neurons import Dynamics, State
from msc.backends.pytorch.norms import Statistics, learn_normalised, normalise
from msc.backends.pytorch.synapses import apply_ops
from msc.backends.pytorch.through_time import advance
from msc.backends.pytorch.updates import Updates
from msc.ir.network import Projection

Observer: TypeAlias = Callable[[Projection, Tensor], None]
Substitute: TypeAlias = Callable[[str, list[Tensor], Mapping[str, Sequence[Tensor]], int], list[Tensor]]
"""From a population, its currents from within a cycle, [1, B, *shape] each, what the cycle's populations
emitted so far, [B, *shape] a step, and the step: to the currents that it integrates instead."""


@dataclass(frozen=True)
class Cycle:
    """Populations in the order in which a step runs them, and the projections among them.

    `dynamics` run one step each, `inner` lists each population's projections from within the cycle,
    `running` the statistics of their norms, which are constants here. `learning` may round otherwise.
    `substitute` may exchange currents from within. `before` lists what each population emitted in earlier
    steps, [B, *shape] each, the last one last; `updates` counts the membranes that change, where there are
    any.
    """

    dynamics: Mapping[str, Dynamics]
    inner: Mapping[str, Sequence[Projection]]
    weights: Mapping[str, Tensor]
    running: Mapping[Projection, Statistics]
    learning: bool
    observer: Observer | None
    substitute: Substitute
    before: Mapping[str, Sequence[Tensor]]
    updates: Mapping[str, Updates | None]

    def run(
        self, states: Mapping[str, State], outside: Mapping[str, Sequence[Tensor]], steps: int
    ) -> tuple[dict[str, Tensor], dict[str, State], dict[Projection, Tensor]]:
        """Run all steps; returns values, [T, B, *shape], states, and what each norm was given, [T B, *shape].

        `outside` holds each population's currents from without, as `Run` takes them.
        """
        states = dict(states)
        totals = {name: _by_step(currents, states[name], steps) for name, currents in outside.items()}
        values: dict[str, list[Tensor]] = {name: list(self.before[name]) for name in self.dynamics}
        given: dict[Projection, list[Tensor]] = {projection: [] for projection in self.running}
        for t in range(steps):
            for name, dynamics in self.dynamics.items():
                currents: list[Tensor] = []
                for projection in self.inner[name]:
                    raw = self._raw(projection, values[projection.source], states, t, steps)
                    if projection in given:
                        given[projection].append(raw.detach())
                    delivered = self._normalised(projection, raw)
                    if self.observer is not None:
                        self.observer(projection, delivered)
                    currents.append(delivered.unsqueeze(0))
                currents = [*totals[name][t], *self.substitute(name, currents, values, t)]
                emitted, states[name] = advance(dynamics, states[name], currents, self.updates[name])
                values[name].append(emitted.squeeze(0))
        joined = {
            name: torch.cat(emitted[-steps:]).unflatten(0, (steps, -1)) for name, emitted in values.items()
        }
        kept = {p: torch.cat([raw.to(raws[-1].dtype) for raw in raws]) for p, raws in given.items()}
        return joined, states, kept

    def _raw(
        self, projection: Projection, past: Sequence[Tensor], states: Mapping[str, State], t: int, steps: int
    ) -> Tensor:
        """Apply a projection's ops to what its source emitted `delay` steps before step `t`."""
        read = len(self.before[projection.source]) + t - projection.delay
        if read >= 0:
            return apply_ops(projection, self.weights, past[read])
        if steps > projection.delay:
            return torch.zeros_like(states[projection.target][0].detach())  # what comes of silence
        # Nothing else would give these weights a gradient.
        silence = torch.zeros_like(states[projection.source][0].detach())
        return apply_ops(projection, self.weights, silence)

    def _normalised(self, projection: Projection, raw: Tensor) -> Tensor:
        norm = projection.norm
        if norm is None:
            return raw
        gamma, running = self.weights[projection.norm_key("gamma")], self.running[projection]
        if self.learning:
            return learn_normalised(norm, gamma, None, raw, running)[0]
        return normalise(norm, gamma, running, raw)


def _by_step(currents: Sequence[Tensor], state: State, steps: int) -> list[list[Tensor]]:
    """Add up currents and cut the sum into steps: for each the list of what there is, [1, B, *shape]."""
    if not currents:
        return [[] for _ in range(steps)]
    total = currents[0].to(state[0].dtype)
    for current in currents[1:]:
        total = total + current
    if len(total) == 1:
        return [[total]] * steps
    # Cut and joined again (backwards) in four axes, channels that lie last in memory stay there.
    return [[part.unsqueeze(0)] for part in total.flatten(0, 1).split(total.shape[1])]
