"""A population's run over all steps, with backpropagation through time as its gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from msc.backends.pytorch.neurons import Dynamics, State, charge, membrane_slopes, synaptic_slopes
from msc.backends.pytorch.sums import totals
from msc.backends.pytorch.updates import Updates
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Source

CHUNK_ELEMENTS = 1 << 17
"""How many neurons a CPU thread takes through all steps at a time, so that they stay in its cache."""


def advance(
    dynamics: Dynamics, state: State, currents: Sequence[Tensor], updates: Updates | None = None
) -> tuple[Tensor, State]:
    """Run a population over its steps; returns what it emits, [T, B, *shape], and its new state.

    The current is the sum of `currents` in their order, each [T, B, *shape] or less where it repeats
    ([1, ...]: the same at each step). Sums and states are of the state's type, whatever the currents' are.
    Gradients flow to the currents and the state, but not through the choice of which neurons are reset.
    Without gradients, `updates` counts the membranes that change.
    """
    if torch.is_grad_enabled():
        assert updates is None
        emitted, membrane, synaptic = Run.apply(dynamics, *state, *currents)  # type: ignore[misc]
        return emitted, (membrane, synaptic)
    emitted, state, _ = _forwards(dynamics, state, currents, keep=False, updates=updates)
    return emitted, state


class Run(torch.autograd.Function):
    """All steps of a population: its equations forwards, backpropagation through time backwards.

    With E[t] the gradient by what is emitted, L[t] that by the membrane after its reset, and d[t] that by
    the membrane before it: d[t] = E[t] g'(V[t] - v_threshold) + (0 where the neuron fired, else L[t]),
    L[t-1] = (1 - 1 / tau) d[t], and by the current (r / tau) d[t]. As STBP (Wu et al. 2018), eq. 9-12, with
    no gradient through the reset.
    """

    @staticmethod
    def forward(
        ctx: Any, dynamics: Dynamics, membrane: Tensor, synaptic: Tensor | None, *currents: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Run forwards; keeps the membranes before their resets."""
        emitted, state, history = _forwards(dynamics, (membrane, synaptic), currents, keep=True)
        ctx.dynamics = dynamics
        ctx.kind, ctx.shape, ctx.stride = membrane.dtype, emitted.shape, emitted.stride()
        ctx.currents = [(current.shape, current.dtype) for current in currents]
        ctx.save_for_backward(history)
        ctx.set_materialize_grads(False)
        return emitted, *state

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, by_emitted: Tensor | None, by_membrane: Tensor | None, by_synaptic: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Run backwards."""
        (history,) = ctx.saved_tensors
        device = next((t.device for t in (by_emitted, by_membrane, by_synaptic) if t is not None), None)
        if device is None:
            return (None,) * (3 + len(ctx.currents))
        blank = _Blank(ctx.shape, ctx.stride, device)
        membrane = _start(by_membrane, blank, ctx.kind)
        synaptic = _start(by_synaptic, blank, ctx.kind) if isinstance(ctx.dynamics.neuron, CubaLIF) else None
        delivered = _Delivery(ctx.currents, ctx.needs_input_grad[3:], blank, ctx.kind)
        for rows in _chunks(membrane):
            _backwards(
                ctx.dynamics,
                (membrane[rows], None if synaptic is None else synaptic[rows]),
                None if history is None else history[:, rows],
                None if by_emitted is None else by_emitted[:, rows],
                delivered,
                rows,
            )
        return None, membrane, synaptic, *delivered.gradients()


def _forwards(
    dynamics: Dynamics,
    state: State,
    currents: Sequence[Tensor],
    keep: bool,
    updates: Updates | None = None,
) -> tuple[Tensor, State, Tensor | None]:
    """Run forwards; returns what is emitted, the new state and, to `keep`, the membranes before resets."""
    membrane, synaptic = state[0].clone(), None if state[1] is None else state[1].clone()
    reads = isinstance(dynamics.neuron, LI)
    blank = _Blank((dynamics.steps, *membrane.shape), (membrane.numel(), *membrane.stride()), membrane.device)
    emitted = blank(membrane.dtype if reads or dynamics.smoothed else dynamics.emits)
    history = blank(membrane.dtype) if keep and not reads else None
    for rows in _chunks(membrane):
        part = (
            dynamics,
            (membrane[rows], None if synaptic is None else synaptic[rows]),
            [current if current.shape[1] == 1 else current[:, rows] for current in currents],
            emitted[:, rows],
            None if history is None else history[:, rows],
        )
        if dynamics.fixed is None:
            _forwards_chunk(*part, None if updates is None else updates.of(rows))
        else:
            assert updates is None
            _fixed_chunk(*part)
    if updates is not None:
        updates.begun = True
    return emitted, (membrane, synaptic), history


def _forwards_chunk(
    dynamics: Dynamics,
    state: State,
    currents: Sequence[Tensor],
    emitted: Tensor,
    history: Tensor | None,
    updates: Updates | None,
) -> None:
    """Run some samples forwards, in place."""
    neuron, (membrane, synaptic) = dynamics.neuron, state
    scratch, total, fired = (torch.empty_like(membrane) for _ in range(3))
    emissions = emitted.unbind(0)
    charged = emissions if isinstance(neuron, LI) else None if history is None else history.unbind(0)
    for t, current in enumerate(totals(currents, dynamics.steps, total)):
        # Where changes are counted, the membrane before the step must outlast it.
        after = membrane if updates is None else scratch
        before = after if charged is None else charged[t]
        charge(neuron, (membrane, synaptic), current, scratch, before)
        if isinstance(neuron, LI):
            after.copy_(before)
        else:
            _fire(dynamics, before, emissions[t], fired, after)
        if updates is not None:
            updates.add(after, membrane)
            membrane, scratch = after, membrane
    if membrane is not state[0]:
        state[0].copy_(membrane)


def _fire(dynamics: Dynamics, before: Tensor, emission: Tensor, fired: Tensor, after: Tensor) -> None:
    """Write what a step emits and the membrane `after` its reset, given that `before`; `fired` is scratch."""
    neuron = dynamics.neuron
    assert isinstance(neuron, LIF | IF | CubaLIF)
    as_spikes = emission.dtype == before.dtype and not dynamics.smoothed
    spikes = torch.ge(before, neuron.v_threshold, out=emission if as_spikes else fired)
    if dynamics.smoothed:
        emission.copy_(dynamics.surrogate.primitive(before - neuron.v_threshold))
    elif not as_spikes:
        emission.copy_(spikes)
    torch.addcmul(before, before, spikes, value=-1, out=after)
    if neuron.v_reset:
        after.add_(spikes, alpha=neuron.v_reset)


def _fixed_chunk(
    dynamics: Dynamics, state: State, currents: Sequence[Tensor], emitted: Tensor, history: Tensor | None
) -> None:
    """Run some samples forwards in fixed point, in place; their history is that of the float membrane."""
    neuron, fixed, membrane = dynamics.neuron, dynamics.fixed, state[0]
    assert fixed is not None
    assert isinstance(neuron, LIF | IF | CubaLIF)
    fired = torch.empty_like(membrane)
    for t, current in enumerate(totals(currents, dynamics.steps, torch.empty_like(membrane))):
        fixed.charge(state, current)
        if history is not None:
            fixed.floating(membrane, neuron.v_threshold, out=history[t])
        torch.gt(membrane, fixed.threshold, out=fired)
        emitted[t].copy_(fired)
        membrane.addcmul_(membrane, fired, value=-1)


def _backwards(
    dynamics: Dynamics,
    state: State,
    history: Tensor | None,
    by_emitted: Tensor | None,
    delivered: _Delivery,
    rows: slice,
) -> None:
    """Run some samples backwards; `state` holds the gradients by the state and moves in place."""
    neuron, (membrane, synaptic) = dynamics.neuron, state
    assert not isinstance(neuron, Source | FixedLIF)
    slopes, scratch = membrane_slopes(neuron), torch.empty_like(membrane)
    before = None if history is None else history.unbind(0)
    by_emissions = None if by_emitted is None else by_emitted.unbind(0)
    for t in reversed(range(dynamics.steps)):
        if before is not None:
            assert not isinstance(neuron, LI)
            membrane.mul_(torch.lt(before[t], neuron.v_threshold, out=scratch))
            if by_emissions is not None:
                distance = torch.sub(before[t], neuron.v_threshold, out=scratch)
                membrane.addcmul_(dynamics.surrogate.derivative(distance), by_emissions[t])
        elif by_emissions is not None:
            membrane.add_(by_emissions[t])
        if synaptic is None:
            delivered.add(t, rows, membrane, slopes.gain)
        else:
            assert isinstance(neuron, CubaLIF)
            inner = synaptic_slopes(neuron)
            synaptic.add_(membrane, alpha=slopes.gain)
            delivered.add(t, rows, synaptic, inner.gain)
            synaptic.mul_(inner.kept)
        if slopes.kept != 1:
            membrane.mul_(slopes.kept)


class _Blank:
    """Makes tensors [T, B, *shape] of one layout in memory."""

    def __init__(self, shape: Sequence[int], stride: Sequence[int], device: torch.device) -> None:
        self.shape, self.stride, self._device = tuple(shape), tuple(stride), device

    def __call__(self, kind: torch.dtype, steps: int | None = None) -> Tensor:
        shape = self.shape if steps is None else (steps, *self.shape[1:])
        return torch.empty_strided(shape, self.stride, dtype=kind, device=self._device)


class _Delivery:
    """The gradients by the currents: one tensor for all currents of a shape and type."""

    def __init__(
        self,
        currents: Sequence[tuple[torch.Size, torch.dtype]],
        needed: Sequence[bool],
        blank: _Blank,
        kind: torch.dtype,
    ) -> None:
        self._keys = [key if need else None for key, need in zip(currents, needed, strict=True)]
        self._whole: dict[tuple[torch.Size, torch.dtype], Tensor] = {}
        self._sums: dict[tuple[torch.Size, torch.dtype], Tensor] = {}
        for key in self._keys:
            if key is None:
                continue
            shape, own = key
            if shape == blank.shape:
                self._whole[key] = blank(own)
            elif shape[1:] == blank.shape[1:]:
                self._sums[key] = blank(kind, shape[0]).zero_()
            else:
                self._sums[key] = blank(kind, 1).new_zeros(shape)

    def add(self, t: int, rows: slice, gradient: Tensor, factor: float) -> None:
        """Deliver a step's gradient, times `factor`, for some samples."""
        for whole in self._whole.values():
            if factor == 1:
                whole[t, rows].copy_(gradient)
            else:
                torch.mul(gradient, factor, out=whole[t, rows])
        for summed in self._sums.values():
            part = summed[t if len(summed) > 1 else 0]
            part = part if len(part) == 1 else part[rows]
            part.add_(gradient.sum_to_size(part.shape), alpha=factor)

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients in the order of the currents."""
        sums = {key: summed.to(key[1]) for key, summed in self._sums.items()}
        return [None if key is None else (self._whole | sums)[key] for key in self._keys]


def _start(gradient: Tensor | None, blank: _Blank, kind: torch.dtype) -> Tensor:
    """Begin with the gradient by the last state, in memory of its own."""
    tensor = blank(kind, 1)[0]
    return tensor.zero_() if gradient is None else tensor.copy_(gradient)


def _chunks(membrane: Tensor) -> Iterator[slice]:
    """Cut the samples into parts that fit the cache; the whole where there is none to fit."""
    samples = len(membrane)
    if membrane.device.type != "cpu" or not membrane.numel():
        yield slice(0, samples)
        return
    size = max(1, CHUNK_ELEMENTS * torch.get_num_threads() * samples // membrane.numel())
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))
