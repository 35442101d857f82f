"""What came of checking a network on simulators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from msc.backends.comparison import Difference


class Verdict(Enum):
    """What came of a simulator."""

    EQUAL = "equal"
    DIFFERING = "differing"
    CANNOT = "cannot"


class Standard(Enum):
    """What a simulator was compared with: `simulate` of the model, or of its quantised form."""

    FLOAT = "float"
    QUANTISED = "quantised"


@dataclass(frozen=True)
class Result:
    """One simulator's verdict; `reason` says why it cannot, `populations` how many were compared.

    `reference` says with what: nothing is excused where it is the quantised network.
    """

    simulator: str
    verdict: Verdict
    populations: int = 0
    reason: str | None = None
    difference: Difference | None = None
    reference: Standard = Standard.FLOAT

    @property
    def ok(self) -> bool:
        """Whether nothing differs beyond what rounding explains (a simulator that cannot is no failure)."""
        return self.difference is None or self.difference.unexcused == 0

    def __str__(self) -> str:
        of = " of the quantised network" if self.reference is Standard.QUANTISED else ""
        match self.verdict:
            case Verdict.EQUAL:
                return f"{self.simulator}: equal in {self.populations} populations{of}"
            case Verdict.DIFFERING:
                return f"{self.simulator}: {self.difference}"
            case Verdict.CANNOT:
                return f"{self.simulator}: cannot: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Make plain data."""
        return {
            "simulator": self.simulator,
            "verdict": self.verdict.value,
            "ok": self.ok,
            "reference": self.reference.value,
            "populations": self.populations,
            "reason": self.reason,
            "difference": None if self.difference is None else dict(vars(self.difference)),
        }


@dataclass(frozen=True)
class Verification:
    """What `verify_on` found.

    `rate`: the float reference's mean output; `varies`: samples' outputs differ; `exact`: float32 rounds
    nowhere on this model and input, so that no difference at all was excused. `quantisation`: the share of
    output spikes in which the quantised reference differs from the float one (None: no simulator needed it).
    """

    results: tuple[Result, ...]
    samples: int
    timesteps: int
    rate: float
    varies: bool
    membrane: bool = False
    exact: bool = False
    quantisation: float | None = None

    @property
    def ok(self) -> bool:
        """Whether no simulator differs beyond rounding."""
        return all(result.ok for result in self.results)

    @property
    def alive(self) -> bool:
        """Whether the output fires at all, not always, and not the same for every sample.

        A membrane as output counts as alive where it varies.
        """
        between = self.rate != 0 if self.membrane else 0 < self.rate < 1
        return between and (self.varies or self.samples == 1)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Say, a line each, what was held against the simulators beyond their results."""
        lines: list[str] = []
        integers = all(result.reference is Standard.QUANTISED for result in self.results)
        if self.exact and not integers:
            lines.append("float32 rounds nowhere here: no difference would be excused")
        if self.quantisation is not None:
            lines.append(f"quantised: {self.quantisation:.2%} of output spikes differ from floating point")
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """Make plain data.

        {"ok", "exact", "samples", "timesteps", "output": {"rate", "varies", "alive"}, "quantisation": null or
        {"differing_output_spikes": share}, "results": [{"simulator", "verdict": equal|differing|cannot, "ok",
        "reference": float|quantised, "populations", "reason": text or null, "difference": null or
        {"population", "step", "sample", "count", "samples", "unexcused", "margin", "bound"}}]}
        """
        share = self.quantisation
        return {
            "ok": self.ok,
            "exact": self.exact,
            "samples": self.samples,
            "timesteps": self.timesteps,
            "output": {"rate": self.rate, "varies": self.varies, "alive": self.alive},
            "quantisation": None if share is None else {"differing_output_spikes": share},
            "results": [result.to_json() for result in self.results],
        }
