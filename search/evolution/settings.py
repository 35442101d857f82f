"""The settings of a search: all that its history depends on, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msc.search.evolution.objectives import Objective
from msc.search.scoring.fitting import Fit
from msc.search.scoring.guards import Guards, Limits
from msc.search.scoring.pricing import Pricing
from msc.search.skeleton import Skeleton, write_skeleton
from msc.search.spaces import find_space


@dataclass(frozen=True)
class SearchSettings:
    """What is searched, on which data, how, and from which seed.

    `data_hash` is the sha256 of the batches that candidates are shown (and of all samples, where any is
    trained); `objectives[0]` picks the best genome. `guards` None lets dead networks win; `pricing` is what
    energy is measured with, None where it is not. `finalists` best candidates are measured again under
    `weight_seeds` seeds; with `check_accuracy` they are trained for `epochs` too. The number of workers is
    not among the settings: the history does not depend on it.
    """

    space: str
    skeleton: Skeleton
    layers: int
    data: str
    data_hash: str
    batch: int
    batches: int
    objectives: tuple[Objective, ...]
    strategy: str
    population: int
    generations: int
    seed: int
    limits: Limits = field(default_factory=Limits)
    guards: Guards | None = field(default_factory=Guards)
    fit: Fit | None = None
    pricing: Pricing | None = None
    finalists: int = 5
    weight_seeds: int = 3
    check_accuracy: bool = False
    epochs: int = 5
    device: str = "cpu"

    def to_json(self) -> dict[str, Any]:
        """Make the JSON object of the settings, in a fixed order; absent profiles are left out."""
        fit = {} if self.fit is None else {"fit": str(self.fit), "fit_hash": self.fit.profile.sha256}
        return {
            "space": self.space,
            "skeleton": write_skeleton(self.skeleton, find_space(self.space)),
            "layers": self.layers,
            "data": self.data,
            "data_hash": self.data_hash,
            "batch": self.batch,
            "batches": self.batches,
            "objectives": [str(objective) for objective in self.objectives],
            "strategy": self.strategy,
            "population": self.population,
            "generations": self.generations,
            "seed": self.seed,
            "limits": self.limits.to_json(),
            "guards": None if self.guards is None else self.guards.to_json(),
            **fit,
            **self._pricing(),
            "finalists": self.finalists,
            "weight_seeds": self.weight_seeds,
            "check_accuracy": self.check_accuracy,
            "epochs": self.epochs,
            "device": self.device,
        }

    def _pricing(self) -> dict[str, str]:
        if self.pricing is None:
            return {}
        return {"energy_profile": self.pricing.name, "energy_profile_hash": self.pricing.profile.sha256}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """List the settings that differ, by dotted name, with both values."""
    found: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [(f"{name}.{inner}", a, b) for inner, a, b in differences(old, new)]
        elif old != new:
            found.append((name, old, new))
    return found
