"""What a source emits is counted as what populations fire: over all steps, and over the last ones."""

from __future__ import annotations

import numpy as np
import pytest

from msc.ir.activity import Quantity
from msc.ir.network import Model, Network
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Linear
from msc.ir.synapses import Wiring, wire
from msc.search.scoring.emissions import Emissions, counted, delays_of, shown
from tests.networks import edge, net

FRAMES = np.array([[0.5, 0, -1], [0, 0, 0.25]], np.float32)
EVENTS = np.array([[[1, 0, 3]], [[0, 0, 1]], [[1, 0, 0]]], np.float32)


def network(kind: InputKind) -> Network:
    """Three neurons, read at once and with delays of 1 and 9 steps."""
    return net(
        Source((3,), kind),
        {"a": LIF(), "b": LIF(), "out": LIF()},
        edge("input", "a", Linear(2)),
        edge("input", "b", Linear(2), delay=1),
        edge("input", "out", Linear(2), delay=9),
        edge("a", "out", Linear(2)),
        edge("b", "out", delay=1),
    )


def test_delays_are_those_out_of_a_population() -> None:
    assert [delays_of(network(InputKind.EVENTS), name) for name in ("input", "a", "b", "no one")] == [
        (1, 9),
        (),
        (1,),
        (),
    ]


def test_a_frame_is_shown_at_each_step() -> None:
    found = shown(network(InputKind.STATIC), FRAMES, 4)
    assert found.totals.tolist() == [4, 0, 8]
    assert found.delivered(0).tolist() == [4, 0, 8]
    assert found.delivered(1).tolist() == [3, 0, 6]
    assert found.delivered(9).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", [InputKind.EVENTS, InputKind.ANALOG])
def test_events_and_values_are_counted_where_they_are_not_0(kind: InputKind) -> None:
    found = shown(network(kind), EVENTS, 3)
    assert found.totals.tolist() == [2, 0, 2]
    assert found.delivered(1).tolist() == [1, 0, 2]
    assert found.delivered(9).tolist() == [0, 0, 0]


def test_counts_leave_out_who_was_not_seen() -> None:
    wiring: Wiring = wire(Model(network(InputKind.STATIC)))
    source = shown(wiring.network, FRAMES, 4)
    fired = Emissions(population="a", totals=np.array([1, 2]))
    assert counted(wiring, [source, fired]) == {
        (Quantity.SPIKES, "input"): 12,
        (Quantity.EVENTS, "input>a"): 24,
        (Quantity.EVENTS, "input>b"): 18,
        (Quantity.EVENTS, "input>out"): 0,
        (Quantity.SPIKES, "a"): 3,
        (Quantity.EVENTS, "a>out"): 6,
    }
