"""Follows a search through its generations: values, outcomes, motifs, and inhibition of the survivors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from msc.ir.shapes import population_shapes
from msc.search.evolution.history import StoredEvaluation
from msc.search.evolution.report.study import Goal, Study
from msc.search.motifs import motifs
from msc.search.scoring.records import Record

OPS = ("no connection", "identity", "conv 1x1", "conv 3x3", "average pool 3x3")
FEASIBLE = "feasible"
_EMPTY = "empty"


@dataclass(frozen=True)
class Spread:
    """The survivors' values of one objective at one generation; `low` to `high` is their middle half."""

    generation: int
    best: float
    median: float
    low: float
    high: float


def spreads(study: Study, goal: Goal) -> list[Spread]:
    """Summarise the feasible survivors of each generation; one without any is left out."""
    found: list[Spread] = []
    for generation in study.history.generations:
        survivors = [one.record for one in study.networks(generation.population)]
        values = [v for r in survivors if r.feasible and (v := goal.value(r)) is not None]
        if values:
            low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
            found.append(Spread(generation.number, min(values, key=goal.cost), median, low, high))
    return found


def outcome(record: Record) -> str:
    """Name what came of a candidate: feasible, failed, or the guard it violates most."""
    if record.failure is not None:
        return "failed"
    worst = max(record.violations, key=lambda violation: violation.amount, default=None)
    return FEASIBLE if worst is None else worst.guard


def outcomes(study: Study) -> list[Counter[str]]:
    """Count the candidates of each generation by outcome, each candidate once."""
    return [
        Counter(outcome(study.scored[name].record) for name in generation.candidates)
        for generation in study.history.generations
    ]


def structure_mix(study: Study) -> tuple[tuple[str, ...], list[Counter[str]]]:
    """Count what survivors are made of, by generation: motifs of layers, or ops of cells; with the kinds.

    The first kind stands for nothing there.
    """
    if study.settings["space"] == "mse-nas":
        kinds = (_EMPTY, *(motif.code for motif in motifs().values()))
        return kinds, [_counted(study, g.population, _layer_motifs) for g in study.history.generations]
    return OPS, [_counted(study, g.population, _pair_ops) for g in study.history.generations]


def _counted(
    study: Study, hashes: Sequence[str], kinds: Callable[[Study, StoredEvaluation], Iterable[str]]
) -> Counter[str]:
    return Counter(kind for one in study.networks(hashes) for kind in kinds(study, one))


def _layer_motifs(study: Study, one: StoredEvaluation) -> list[str]:
    """List the motif of each layer; one without a live population is as good as empty."""
    lowered = study.lowered(one)
    live = {p.group for p in lowered.blueprint.populations if p.name in lowered.names}
    return [
        motifs()[layer["motif"]].code if f"layer{number}" in live else _EMPTY
        for number, layer in enumerate(one.genes["layers"], start=1)
    ]


def _pair_ops(study: Study, one: StoredEvaluation) -> list[str]:
    """List the connections of a cell by op; a pair of nodes with none in either direction counts as one."""
    cell = one.genes["cell"]
    found: list[str] = []
    for i in range(len(cell)):
        for j in range(i + 1, len(cell)):
            found += [OPS[op] for op in (cell[i][j], cell[j][i]) if op] or [OPS[0]]
    return found


@dataclass(frozen=True)
class Balance:
    """Shares of what inhibits, of one network or on average over survivors."""

    populations: float
    neurons: float


def balance(study: Study, one: StoredEvaluation) -> Balance:
    """Find the share of inhibitory populations, and of neurons in them, of a live network."""
    lowered = study.lowered(one)
    assert lowered.network is not None
    shapes = population_shapes(lowered.network)
    planned = [p for p in lowered.blueprint.populations if p.name in lowered.names]
    sizes = [(p.inhibitory, prod(shapes[lowered.names[p.name]])) for p in planned]
    inhibitory = [size for inhibits, size in sizes if inhibits]
    return Balance(len(inhibitory) / len(sizes), sum(inhibitory) / sum(size for _, size in sizes))


def balances(study: Study) -> list[Balance]:
    """Average the balance over the survivors of each generation."""
    known: dict[str, Balance] = {}
    found: list[Balance] = []
    for generation in study.history.generations:
        for one in study.networks(generation.population):
            if one.record.hash not in known:
                known[one.record.hash] = balance(study, one)
        found.append(_mean([known[name] for name in generation.population]))
    return found


def _mean(found: Sequence[Balance]) -> Balance:
    count = len(found) or 1
    return Balance(sum(b.populations for b in found) / count, sum(b.neurons for b in found) / count)


def backward_shares(study: Study) -> list[float]:
    """Find the share of backward connections among the survivors' cells, by generation."""
    return [
        _share([one.genes["cell"] for one in study.networks(generation.population)])
        for generation in study.history.generations
    ]


def _share(cells: Sequence[Sequence[Sequence[int]]]) -> float:
    backward = sum(1 for cell in cells for i, row in enumerate(cell) for op in row[:i] if op)
    whole = sum(1 for cell in cells for row in cell for op in row if op)
    return backward / whole if whole else 0.0
