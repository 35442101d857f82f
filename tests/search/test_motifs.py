"""The motifs are the design's table, slot by slot."""

from __future__ import annotations

import pytest

from msc.search.motifs import Motif, motifs
from msc.search.spaces.mse_nas import SLOTS
from tests.search.rule import TABLE, TWINS


def text(motif: Motif) -> str:
    """Write a motif's slots in the table's notation."""
    inhibitory = set(motif.inhibitory)
    return " ".join(f"{s.source}{'-|' if s.source in inhibitory else '->'}{s.target}" for s in motif.slots)


def test_there_are_five() -> None:
    assert list(motifs()) == [1, 2, 3, 4, 5]
    assert [m.code for m in motifs().values()] == ["FE", "FI", "FbI", "LI", "MI"]
    assert all(number == motif.number for number, motif in motifs().items())
    assert max(len(motif.slots) for motif in motifs().values()) == SLOTS


@pytest.mark.parametrize("number", TABLE)
def test_slots_and_outputs_are_the_tables(number: int) -> None:
    slots, outputs = TABLE[number]
    motif = motifs()[number]
    assert text(motif) == slots
    assert " ".join(motif.outputs) == outputs
    assert set(motif.populations) == set(motif.excitatory) | set(motif.inhibitory)
    assert not set(motif.excitatory) & set(motif.inhibitory)
    assert set(motif.outputs) <= set(motif.excitatory)


@pytest.mark.parametrize("number", TABLE)
def test_exchanging_twins_keeps_the_circuit(number: int) -> None:
    """Slot i of the exchanged genes holds what its mirror image held; twice is once not."""
    motif = motifs()[number]
    ops = tuple(range(1, len(motif.slots) + 1))
    renamed = TWINS.get(number, {})
    gene = dict(zip(motif.slots, ops, strict=True))
    for slot, op in zip(motif.slots, motif.swapped(ops), strict=True):
        mirror = type(slot)(renamed.get(slot.source, slot.source), renamed.get(slot.target, slot.target))
        assert op == gene[mirror]
    assert motif.swapped(motif.swapped(ops)) == ops
    assert (motif.swapped(ops) == ops) == (number not in TWINS)


def test_entries_are_what_other_layers_feed() -> None:
    assert {number: motif.entries for number, motif in motifs().items()} == {
        **dict.fromkeys((1, 2, 3, 5), ("A",)),
        4: ("A1", "A2"),
    }
