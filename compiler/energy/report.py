"""The answer of an energy report as data: what ran, what it did, what that costs, and what to doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from msc.compiler.energy.footprint import Structure
from msc.compiler.energy.memory import Buffer
from msc.compiler.energy.prices import Range, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import StaticInput
from msc.ir.activity import Activity
from msc.ir.synapses import Wiring

__all__ = [
    "Change",
    "EnergyReport",
    "Interval",
    "Priced",
    "PricedTerm",
    "Stage",
    "StageReport",
    "StaticInput",
    "Twin",
]


class Stage(Enum):
    """What of a network is run: as it was trained, as rounded for Loihi, or as placed on its cores."""

    TRAINED = "trained"
    QUANTISED = "quantised"
    PLACED = "placed"


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval over samples (None where one sample says nothing of others)."""

    mean: float
    bounds: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class PricedTerm:
    """A term with its energy per sample in nanojoules, in all and by projection or population.

    `by_memory` is that of memory accesses by the size of the memory; empty for other terms. The note of
    `term` says how many counts per sample have no price.
    """

    term: Term
    range: Range | None
    by_part: Mapping[str, Range]
    by_memory: Mapping[str, Range]


@dataclass(frozen=True, eq=False)
class Priced:
    """A profile's energy per sample in nanojoules: by term, and the total of the terms that are known.

    `total` is None where no term is; `low` and `high` are its ends with their intervals over samples.
    `missing` names the terms that nobody published. `buffers` says which memory holds what, where memory
    is priced.
    """

    profile: EnergyProfile
    terms: tuple[PricedTerm, ...]
    total: Range | None
    low: Interval | None
    high: Interval | None
    missing: tuple[str, ...]
    buffers: tuple[Buffer, ...]


@dataclass(frozen=True)
class Twin:
    """The dense network of the same topology with ReLU in one pass, on the 45 nm profile of its numbers.

    Nanojoules. `operations` is its arithmetic; `memory` from each operand read once (low) to no reuse at all
    (high). `spiking_operations` and `spiking_memory` are the spiking network's on the same profile.
    """

    name: str
    profile: str
    macs: int
    activation_bits: int
    operations: Range
    memory: Range
    spiking_operations: Range
    spiking_memory: Range


@dataclass(frozen=True, eq=False)
class StageReport:
    """One stage's run, and what it costs; `accuracy` where labels were given."""

    stage: Stage
    simulator: str
    wiring: Wiring
    structure: Structure
    activity: Activity
    static_input: StaticInput
    profiles: tuple[Priced, ...]
    twins: tuple[Twin, ...]
    accuracy: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One reason why a later stage differs from the first: a sentence, and by how many events or updates.

    `updates` is None where one of the stages did not show membranes.
    """

    reason: str
    events: float
    updates: float | None


@dataclass(frozen=True, eq=False)
class EnergyReport:
    """All that an energy report says: the stages that were asked for, and how the later ones differ."""

    title: str
    facts: Mapping[str, str]
    stages: tuple[StageReport, ...]
    changes: Mapping[Stage, tuple[Change, ...]]
