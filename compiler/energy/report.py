"""The answer of an energy report as data: what ran, what it did, what that costs, and what to doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from msc.compiler.energy.prices import Range, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.ir.activity import Activity
from msc.ir.synapses import Wiring


class StaticInput(Enum):
    """Whether the current of a static frame is computed once, or at every step as a simulator of NIR does."""

    ONCE = "once"
    EVERY_STEP = "every-step"


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
    """A term with its energy per sample in nanojoules, in all and by projection or population."""

    term: Term
    range: Range | None
    by_part: Mapping[str, Range]


@dataclass(frozen=True, eq=False)
class Priced:
    """A profile's energy per sample in nanojoules: by term, and the total of the terms that are known.

    `total` is None where no term is; `low` and `high` are its ends with their intervals over samples.
    `missing` names the terms that nobody published.
    """

    profile: EnergyProfile
    terms: tuple[PricedTerm, ...]
    total: Range | None
    low: Interval | None
    high: Interval | None
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Twin:
    """The dense network of the same topology with ReLU in one pass, on the 45 nm profile of its numbers.

    Nanojoules. `operations` is its arithmetic; `memory` from each operand read once (low) to no reuse at all
    (high). `spiking_operations` and `spiking_memory` are the spiking network's on the same profile.
    `verdict` says in words which of both needs less, and on what that depends.
    """

    name: str
    profile: str
    macs: int
    activation_bits: int
    operations: Range
    memory: Range
    spiking_operations: Range
    spiking_memory: Range
    verdict: str


@dataclass(frozen=True, eq=False)
class StageReport:
    """One stage's run, and what it costs; `accuracy` where labels were given."""

    stage: Stage
    simulator: str
    wiring: Wiring
    activity: Activity
    static_input: StaticInput
    profiles: tuple[Priced, ...]
    twins: tuple[Twin, ...]
    accuracy: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One reason why a later stage differs from the first: a sentence, and by how many events or updates."""

    reason: str
    events: float
    updates: float


@dataclass(frozen=True, eq=False)
class EnergyReport:
    """All that an energy report says: the stages that were asked for, and how the later ones differ."""

    title: str
    facts: Mapping[str, str]
    stages: tuple[StageReport, ...]
    changes: Mapping[Stage, tuple[Change, ...]]
