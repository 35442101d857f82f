"""What one evaluation leaves behind: a record, with values or with the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAILED = 1000.0  # more than any sum of violations, which are at most 1 each


@dataclass(frozen=True)
class Violation:
    """A guard that a network does not pass: which, by how much (0 < amount <= 1), and what it found."""

    guard: str
    amount: float
    what: str


@dataclass(frozen=True)
class Record:
    """The outcome of one evaluation: a network (by its genome's hash) under the weights of one seed.

    `values` by measure (None where it is no finite number, left out where it was not measured); `neurons`,
    `params`; `rates` spikes per neuron and step by population; `currents` mean delivered excitatory and
    inhibitory current by population, where they were asked for; `failure` the reason why nothing could be
    measured at all.
    """

    hash: str
    seed: int
    values: Mapping[str, float | None] = field(default_factory=dict)
    neurons: int = 0
    params: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    currents: Mapping[str, tuple[float, float]] | None = None
    violations: tuple[Violation, ...] = ()
    failure: str | None = None

    @property
    def feasible(self) -> bool:
        """Whether every guard is passed and nothing failed."""
        return not self.violations and self.failure is None

    @property
    def violation(self) -> float:
        """How far from feasible: 0 where it is, `FAILED` where nothing could be measured."""
        return FAILED if self.failure is not None else sum(v.amount for v in self.violations)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The guards violated, or ("failed",)."""
        return ("failed",) if self.failure is not None else tuple(v.guard for v in self.violations)

    def to_json(self) -> dict[str, Any]:
        """Make the JSON object of a record; what is empty is left out."""
        written: dict[str, Any] = {"hash": self.hash, "seed": self.seed}
        if self.failure is not None:
            return written | {"failure": self.failure}
        written |= {"values": dict(self.values), "neurons": self.neurons, "params": self.params}
        written |= {"rates": dict(self.rates)}
        if self.currents is not None:
            written["currents"] = {name: list(pair) for name, pair in self.currents.items()}
        if self.violations:
            written["violations"] = [[v.guard, v.amount, v.what] for v in self.violations]
        return written

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """Read what `to_json` wrote."""
        currents = value.get("currents")
        return cls(
            value["hash"],
            value["seed"],
            value.get("values", {}),
            value.get("neurons", 0),
            value.get("params", 0),
            value.get("rates", {}),
            None if currents is None else {name: (pair[0], pair[1]) for name, pair in currents.items()},
            tuple(Violation(*v) for v in value.get("violations", ())),
            value.get("failure"),
        )
