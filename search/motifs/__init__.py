"""The circuit motifs of MSE-NAS, one per file, found by name (design, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import cast

from msc.compiler.registry import discover

IN = "in"


@dataclass(frozen=True)
class Slot:
    """One gene of a motif: the projection from `source` (`in`: the nearest layer) to `target`."""

    source: str
    target: str


@dataclass(frozen=True)
class Motif:
    """A circuit: excitatory and inhibitory populations, the slots that genes fill, and its outputs.

    `twins` are pairs of populations that change places without changing the circuit.
    """

    number: int
    code: str
    title: str
    excitatory: tuple[str, ...]
    inhibitory: tuple[str, ...]
    slots: tuple[Slot, ...]
    outputs: tuple[str, ...]
    twins: tuple[tuple[str, str], ...] = ()

    @property
    def entries(self) -> tuple[str, ...]:
        """The populations that are fed from other layers."""
        return tuple(dict.fromkeys(slot.target for slot in self.slots if slot.source == IN))

    @property
    def populations(self) -> tuple[str, ...]:
        """All populations, in the order their slots first name them."""
        return tuple(dict.fromkeys(slot.target for slot in self.slots))

    def swapped(self, ops: tuple[int, ...]) -> tuple[int, ...]:
        """Give each slot the gene of its mirror image under the exchange of twins."""
        mirror = {a: b for pair in self.twins for a, b in (pair, pair[::-1])}
        places = {slot: i for i, slot in enumerate(self.slots)}
        return tuple(
            ops[places[Slot(mirror.get(slot.source, slot.source), mirror.get(slot.target, slot.target))]]
            for slot in self.slots
        )


@cache
def motifs() -> dict[int, Motif]:
    """Find all motifs, by number."""
    found = (cast(Motif, motif) for motif in discover("msc.search.motifs", "MOTIF").values())
    return {motif.number: motif for motif in sorted(found, key=lambda motif: motif.number)}
