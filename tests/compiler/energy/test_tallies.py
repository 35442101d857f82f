"""What populations and projections did, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.compiler.energy.report import StageReport
from msc.compiler.energy.tallies import joined, members, total
from msc.ir.neurons import LI, InputKind
from msc.ir.synapses import Operation, Wiring
from tests.compiler.energy.reports import report_of
from tests.compiler.energy.runs import dense, ran


def stage(
    wiring: Wiring, first: tuple[int, int] = (48, 52), updates: dict[str, list[int]] | None = None
) -> StageReport:
    """A report of two samples of four steps; one hidden neuron alone spikes."""
    spikes = {"input": [8, 9], "h": [2, 5], "out": [0, 0]}
    activity = ran(wiring, 4, {"first": [*first], "second": [4, 10]}, spikes, updates)
    return replace(report_of("chain"), wiring=wiring, activity=activity)


def test_populations_are_told_in_their_order() -> None:
    found = members(stage(dense(), updates={"h": [9, 10], "out": [2, 2]}))
    assert [each.name for each in found] == ["input", "h", "out"]
    source, hidden, last = found
    assert (hidden.neurons, hidden.steps, hidden.spikes, hidden.updates) == (4, 4, 3.5, 9.5)
    assert hidden.rate == 3.5 / 16
    assert (hidden.silent, last.silent) == (3, 2)
    assert (source.is_source, source.spiking, source.updates, source.spikes) == (True, False, None, 8.5)


def test_values_are_multiplied_and_spikes_accumulated() -> None:
    made = stage(dense(InputKind.STATIC))
    first, second = joined(made)
    assert (first.operation, second.operation) == (Operation.MAC, Operation.AC)
    assert (first.structural, first.nonzero, first.dense) == (24, 24, 96)
    assert (first.events, first.once, first.per_synapse) == (50, 12.5, 50 / 24)
    assert (second.events, second.once, second.per_synapse) == (7, None, 7 / 8)
    found = total(made)
    assert (found.macs, found.macs_once, found.acs, found.dense) == (50, 12.5, 7, 128)
    assert found.per_synapse == 7 / 8  # of what carries spikes


def test_a_delayed_frame_is_delivered_in_fewer_steps() -> None:
    first, _ = joined(stage(dense(InputKind.STATIC, delay=2), first=(24, 24)))
    assert (first.events, first.once) == (24, 12)


def test_only_a_static_frame_can_be_computed_once() -> None:
    for kind in (InputKind.ANALOG, InputKind.EVENTS):
        found = total(stage(dense(kind)))
        assert found.macs_once is None
        assert (found.macs == 0) is (kind is InputKind.EVENTS)


def test_rates_are_those_of_populations_that_spike() -> None:
    found = total(stage(dense(last=LI())))
    assert (found.neurons, found.spiking, found.spikes) == (6, 4, 3.5)
    assert (found.rate, found.silent_share) == (3.5 / 16, 0.75)
    only = total(stage(dense(hidden=LI(), last=LI())))
    assert (only.spikes, only.rate, only.silent_share, only.per_synapse) == (0, None, None, 50 / 24)


def test_membranes_that_were_not_seen_are_not_zero() -> None:
    assert total(stage(dense())).updates is None
    found = total(stage(dense(), updates={"h": [9, 10], "out": [2, 2]}))
    assert (found.updates, found.dense_updates) == (11.5, 24)


@pytest.mark.parametrize("name", ["chain", "fixed_everything"])
def test_totals_of_runs_are_sums(name: str) -> None:
    made = report_of(name)
    found = total(made)
    assert found.acs + found.macs == pytest.approx(sum(each.events for each in joined(made)))
    assert found.spikes == pytest.approx(sum(each.spikes for each in members(made) if each.spiking))
    assert found.structural == sum(each.structural for each in joined(made))
