"""Random search: independent draws, of which the best are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msc.search.genome import Genome
from msc.search.scoring.records import Record
from tests.search.evolution.strategies.toys import (
    FEW,
    MANY,
    NARROW,
    SPACES,
    flat,
    judge,
    problem_of,
    run,
    start,
)

everywhere = pytest.mark.parametrize("space", SPACES)


@everywhere
def test_candidates_do_not_depend_on_records(space: str) -> None:
    asked, _ = run(start("random", problem_of(space)), 4)
    other, _ = run(start("random", problem_of(space)), 4, lambda g: Record(judge(g).hash, 0, failure="?"))
    assert asked == other
    assert [len(candidates) for candidates in asked] == [8] * 4


@everywhere
def test_the_best_of_all_generations_survive_ties_by_age(space: str) -> None:
    search = start("random", problem_of(space, (FEW,), population=10))
    _, told = run(search, 6)
    oldest: dict[str, int] = {}
    records = flat(told)
    for place, record in enumerate(records):
        oldest.setdefault(record.hash, place)
    best = sorted(oldest.values(), key=lambda place: (records[place].values["wide"], place))[:10]
    assert search.population == tuple(best)


@everywhere
def test_with_several_objectives_the_front_of_all_told_comes_first(space: str) -> None:
    """The front is taken over all that was told, not over what survived."""

    def spread(genome: Genome) -> Record:
        record = judge(genome)
        noise = int(record.hash[:6], 16) / 16**6
        return replace(record, values={k: v + noise for k, v in record.values.items() if v is not None})

    for population in (4, 20):
        search = start("random", problem_of(space, (MANY, NARROW), population=population))
        _, told = run(search, 60 // population, spread)
        records = flat(told)
        points = {r.hash: (-r.values["wide"], -r.values["narrow"]) for r in records}
        front = {
            name
            for name, point in points.items()
            if not any(o != point and o[0] <= point[0] and o[1] <= point[1] for o in points.values())
        }
        survivors = [records[place].hash for place in search.population]
        leading = survivors[: len(front)]
        assert len(survivors) == population
        assert set(leading) <= front
        assert len(set(leading)) == min(len(front), population)
        assert [points[name] for name in leading] == sorted(points[name] for name in leading)


@everywhere
def test_a_network_drawn_twice_survives_once(space: str) -> None:
    search = start("random", problem_of(space, population=6))
    search.tell([Record("same", 0, {"wide": 1.0}) for _ in search.ask()])
    assert search.population == (0,)
    search.tell([Record(str(i % 2), 0, {"wide": 2.0}) for i, _ in enumerate(search.ask())])
    assert search.population == (6, 7, 0)


def test_the_space_of_one_network_is_drawn_again_and_again() -> None:
    search = start("random", problem_of("mse-nas", layers=0, population=3))
    asked, _ = run(search, 3)
    assert [len(candidates) for candidates in asked] == [3, 3, 3]
    assert search.population == (0,)
