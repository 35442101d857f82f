"""Reads a stored search for the report: its goals, what was scored, who survived, and what is best."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msc.search.evolution.history import StoredEvaluation, StoredHistory
from msc.search.evolution.objectives import Objective
from msc.search.evolution.ranking import Scored, comparable, non_dominated, ranked
from msc.search.genome import FORMAT, VERSION, Genome, parse_genome
from msc.search.lower import Lowered, lower
from msc.search.scoring.fitness import Better, Fitness, fitnesses
from msc.search.scoring.records import Record


@dataclass(frozen=True)
class Goal:
    """One objective, and the measure behind it (None: this version has none of that name)."""

    objective: Objective
    fitness: Fitness | None

    @property
    def measure(self) -> str:
        """The measure by name."""
        return self.objective.measure

    @property
    def title(self) -> str:
        """What the measure is called in sentences."""
        return self.fitness.title if self.fitness else self.measure

    @property
    def lower(self) -> bool:
        """Whether it is minimised."""
        return self.objective.better is Better.LOWER

    @property
    def preferred(self) -> str:
        """`lower` or `higher`."""
        return "lower" if self.lower else "higher"

    def value(self, record: Record) -> float | None:
        """The value a record has of it, None where it has none."""
        return self.objective.value(record)

    def value_of(self, one: StoredEvaluation) -> float | None:
        """The value of a network."""
        return self.value(one.record)

    def cost(self, value: float) -> float:
        """What is minimised."""
        return value if self.lower else -value


def mean_rate(record: Record) -> float | None:
    """Spikes per neuron and step; None where it was not measured."""
    return record.values.get("rate")


@dataclass(frozen=True)
class Study:
    """A stored search and what follows from it; nothing here depends on anything but the history."""

    history: StoredHistory
    _lowered: dict[str, Lowered] = field(default_factory=dict[str, Lowered], repr=False)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings as the history states them."""
        return self.history.settings

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """The objectives; the first picks the best network."""
        parts = (str(text).rpartition(":") for text in self.settings["objectives"])
        return tuple(Goal(Objective(name, Better(way)), fitnesses().get(name)) for name, _, way in parts)

    @property
    def goal(self) -> Goal:
        """The first objective."""
        return self.goals[0]

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives, as rankings take them."""
        return tuple(goal.objective for goal in self.goals)

    @cached_property
    def scored(self) -> dict[str, StoredEvaluation]:
        """Every network that was evaluated, by hash, in order."""
        return {one.record.hash: one for one in self.history.evaluations}

    @cached_property
    def feasible(self) -> tuple[StoredEvaluation, ...]:
        """The networks that count: feasible, with a value of every objective."""
        return tuple(one for one in self.scored.values() if comparable(one.record, self.objectives))

    @property
    def finished(self) -> bool:
        """Whether the search reached its end."""
        return self.history.end is not None

    @cached_property
    def best(self) -> StoredEvaluation | None:
        """The winner; of a search that has not ended, the best so far under the search's own seed."""
        end = self.history.end
        if end is not None:
            return None if end["best"] is None else self.scored[end["best"]]
        leader = next(iter(ranked(self._rankable(), self.objectives)), None)
        return None if leader is None else self.scored[leader.record.hash]

    @cached_property
    def front(self) -> tuple[StoredEvaluation, ...]:
        """The networks that no other beats in every objective, by the first one."""
        end = self.history.end
        if end is not None:
            return tuple(self.scored[name] for name in end["front"])
        return tuple(self.scored[one.record.hash] for one in non_dominated(self._rankable(), self.objectives))

    def _rankable(self) -> Iterable[Scored]:
        return [Scored(self.genome(one), one.record) for one in self.feasible]

    def finals(self, name: str) -> list[Record]:
        """The records of one finalist, a weight seed each."""
        return [f.record for f in self.history.finalists if f.record.hash == name]

    def final_values(self, name: str) -> list[float]:
        """The first objective of a finalist under each weight seed that it is feasible under."""
        found = ((record, self.goal.value(record)) for record in self.finals(name))
        return [value for record, value in found if record.feasible and value is not None]

    @cached_property
    def finalists(self) -> tuple[str, ...]:
        """The hashes of the finalists, in order."""
        return tuple(dict.fromkeys(f.record.hash for f in self.history.finalists))

    def genome(self, one: StoredEvaluation) -> Genome:
        """Mount genes on the skeleton of the search."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "space": self.settings["space"],
            "genes": one.genes,
            "skeleton": self.settings["skeleton"],
            "seed": self.settings["seed"],
        }
        return parse_genome(json.dumps(content).encode(), f"history, network {one.record.hash[:12]}")

    def lowered(self, one: StoredEvaluation) -> Lowered:
        """Lower a network, once."""
        name = one.record.hash
        if name not in self._lowered:
            self._lowered[name] = lower(self.genome(one))
        return self._lowered[name]

    def networks(self, hashes: Iterable[str]) -> list[StoredEvaluation]:
        """Look up networks by hash."""
        return [self.scored[name] for name in hashes]
