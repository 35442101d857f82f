"""Membranes that steps change are counted as they are, whatever the neuron, and change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from msc.backends.pytorch import through_time
from msc.backends.pytorch.neurons import Dynamics, State, rest
from msc.backends.pytorch.surrogates.atan import Atan
from msc.backends.pytorch.through_time import advance
from msc.backends.pytorch.updates import Updates
from msc.ir.neurons import IF, LI, LIF, CubaLIF, Neuron

STEPS, BATCH, SHAPE = 6, 7, (3, 4, 2)
NEURONS = {
    "LIF": LIF(),
    "LIF of odd parameters": LIF(tau=2.7, r=1.3, v_threshold=0.4, v_reset=-0.3, v_leak=0.07),
    "IF": IF(v_reset=0.25),
    "CubaLIF": CubaLIF(1.9, 3.7, 1.3, 0.9, 0.3, -0.1, 0.05),
    "LI": LI(tau=3.1, r=1.7),
}


def drawn(last: bool = False) -> list[Tensor]:
    """A current in which some samples and channels stay at rest for a while."""
    current = torch.randn((STEPS, BATCH, *SHAPE), generator=torch.Generator().manual_seed(3)) * 0.5
    current[2:4, 1] = current[:, :, 2] = 0
    return [current.transpose(2, 4).contiguous().transpose(2, 4) if last else current]


def by_single_steps(neuron: Neuron, currents: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Run step by step and compare the states; returns what is emitted and the counts."""
    state: State = rest(neuron, torch.empty(BATCH, *SHAPE), torch.float32)
    counts = torch.full((BATCH,), 24)
    emitted = []
    for t in range(STEPS):
        values, after = advance(
            Dynamics(neuron, 1, Atan(), torch.float32), state, [c[t : t + 1] for c in currents]
        )
        if t:
            counts += (after[0] != state[0]).flatten(1).sum(1)
        state = after
        emitted.append(values)
    return torch.cat(emitted), counts


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("chunk", [1 << 16, 50])
@pytest.mark.parametrize("name", NEURONS)
def test_counts_are_those_of_single_steps(
    name: str, chunk: int, last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through_time, "CHUNK_ELEMENTS", chunk)
    neuron, currents = NEURONS[name], drawn(last)
    with torch.no_grad():
        emitted, counts = by_single_steps(neuron, currents)
        updates = Updates(torch.zeros(BATCH, dtype=torch.float64))
        state = rest(neuron, torch.empty(BATCH, *SHAPE), torch.float32)
        found, _ = advance(Dynamics(neuron, STEPS, Atan(), torch.float32), state, currents, updates)
    assert torch.equal(found, emitted)
    assert updates.counts.long().tolist() == counts.tolist()
    if name in ("LIF", "IF"):  # at rest nothing leaks
        assert len(set(counts.tolist())) > 1
        assert counts.max() < STEPS * 24


@pytest.mark.parametrize("name", NEURONS)
def test_a_run_that_goes_on_goes_on_counting(name: str) -> None:
    """Two runs of three steps: states, spikes and counts of one of six; the first step counts once."""
    neuron, currents = NEURONS[name], drawn()
    whole, parts = (Updates(torch.zeros(BATCH, dtype=torch.float64)) for _ in range(2))
    with torch.no_grad():
        state = rest(neuron, torch.empty(BATCH, *SHAPE), torch.float32)
        emitted, end = advance(Dynamics(neuron, STEPS, Atan(), torch.float32), state, currents, whole)
        half = Dynamics(neuron, STEPS // 2, Atan(), torch.float32)
        first, state = advance(half, state, [c[:3] for c in currents], parts)
        second, state = advance(half, state, [c[3:] for c in currents], parts)
    assert torch.equal(torch.cat([first, second]), emitted)
    assert torch.equal(state[0], end[0])
    assert torch.equal(parts.counts, whole.counts)


def test_a_neuron_that_fires_at_every_step_does_not_change() -> None:
    """NeuroBench compares what is left after the reset: 0 and 0 here, but for the first step."""
    updates = Updates(torch.zeros(2, dtype=torch.float64))
    with torch.no_grad():
        state = rest(IF(), torch.empty(2, 5), torch.float32)
        currents = [torch.full((4, 2, 5), 2.0)]
        emitted, _ = advance(Dynamics(IF(), 4, Atan(), torch.float32), state, currents, updates)
    assert emitted.all()
    assert updates.counts.tolist() == [5, 5]
