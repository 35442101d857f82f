"""Objectives: a measure and the direction a search takes it in, written `bie` or `bie:max`."""

from __future__ import annotations

from dataclasses import dataclass

from msc.ir.errors import MscError, Problem, raise_all
from msc.search.scoring.fitness import Better, Fitness, find_fitness, fitnesses
from msc.search.scoring.records import Record


class ObjectiveError(MscError):
    """An objective that does not exist, or is named twice."""


@dataclass(frozen=True)
class Objective:
    """One measure in one direction."""

    measure: str
    better: Better

    def __str__(self) -> str:
        return f"{self.measure}:{self.better.value}"

    @property
    def fitness(self) -> Fitness:
        """The measure itself."""
        return find_fitness(self.measure)

    def value(self, record: Record) -> float | None:
        """The measured value, None where there is none."""
        return record.values.get(self.measure)

    def cost(self, record: Record) -> float:
        """The value to minimise; infinite where there is none."""
        value = self.value(record)
        if value is None:
            return float("inf")
        return value if self.better is Better.LOWER else -value


def parse_objective(text: str, where: str = "--fitness") -> Objective:
    """Parse `NAME` or `NAME:min|max`; raises ObjectiveError naming the measures there are."""
    name, colon, direction = text.strip().partition(":")
    problems: list[Problem] = []
    if name not in fitnesses():
        problems.append(
            Problem(f"{where} {text}", f"{name!r} is unknown", f"use one of: {', '.join(fitnesses())}")
        )
    if colon and direction not in ("min", "max"):
        problems.append(Problem(f"{where} {text}", f"{direction!r} is no direction", "write :min or :max"))
    raise_all(ObjectiveError, problems)
    return Objective(name, Better(direction) if colon else find_fitness(name).better)


def parse_objectives(text: str, fitness: Objective) -> tuple[Objective, ...]:
    """Parse names joined by commas, `fitness` standing for what --fitness names; lists all offenders."""
    found: list[Objective] = []
    problems: list[Problem] = []
    for part in text.split(","):
        try:
            one = fitness if part.strip() == "fitness" else parse_objective(part, "--objectives")
        except ObjectiveError as error:
            problems += error.problems
            continue
        if one.measure in [o.measure for o in found]:
            problems.append(Problem(f"--objectives {text}", f"{one.measure} is named twice", "name it once"))
        found.append(one)
    raise_all(ObjectiveError, problems)
    return tuple(found)
