"""The last round of a search: the best networks again, under the weights of several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from statistics import fmean

from msc.search.evolution.objectives import Objective
from msc.search.evolution.ranking import Scored
from msc.search.evolution.settings import SearchSettings
from msc.search.scoring.evaluate import Task
from msc.search.scoring.records import Record


def final_tasks(finalist: Scored, settings: SearchSettings) -> list[Task]:
    """List a finalist's evaluations, one for each weight seed from the search's own upwards.

    Training is costly: for `check_accuracy` it happens under the first seed only, unless an objective needs
    it under all.
    """
    always = any(objective.fitness.trains for objective in settings.objectives)
    return [
        Task(
            finalist.genome,
            settings.seed + number,
            detailed=True,
            trained=always or (settings.check_accuracy and number == 0),
        )
        for number in range(settings.weight_seeds)
    ]


def winner(
    finalists: Sequence[Scored], measured: Mapping[str, Sequence[Record]], objective: Objective
) -> Scored | None:
    """Pick the winner among finalists, given from the best of the search down, by their final records.

    It has the least mean cost over the weight seeds among those feasible under all of them; where there is
    none, among those feasible under the first, over the seeds that they are feasible under; where there is
    none either, the first finalist wins. Of equal ones, the one that was better in the search does.
    """
    steady = [one for one in finalists if all(record.feasible for record in measured[one.record.hash])]
    first = [one for one in finalists if any(record.feasible for record in measured[one.record.hash][:1])]
    costs = [(mean_cost(measured[one.record.hash], objective), one) for one in steady or first]
    best = min(costs, key=lambda pair: pair[0], default=None)
    if best is None or not isfinite(best[0]):
        return next(iter(finalists), None)
    return best[1]


def mean_cost(records: Sequence[Record], objective: Objective) -> float:
    """Average the cost over the feasible records; infinite where there is none, or one lacks the value."""
    costs = [objective.cost(record) for record in records if record.feasible]
    return fmean(costs) if costs else float("inf")
