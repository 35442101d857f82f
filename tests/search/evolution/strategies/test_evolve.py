"""Evolution: no network twice in a generation, the best never lost, fronts found, spaces exhausted."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest

from msc.search.canonical import genome_hash
from msc.search.evolution import encoding as encoding_module
from msc.search.evolution.objectives import Objective
from msc.search.genome import Genome
from msc.search.scoring.records import Record
from tests.search.evolution.strategies.toys import (
    MANY,
    NARROW,
    SPACES,
    Narrowed,
    flat,
    judge,
    problem_of,
    run,
    start,
)

everywhere = pytest.mark.parametrize("space", SPACES)
by_objectives = pytest.mark.parametrize("objectives", [(MANY,), (MANY, NARROW)], ids=["one", "two"])

# All ops 3x3 in cells of SNASNet, in layers MI of MSE-NAS: the middle of what is searched.
FULL = {"snasnet": (0, 3) * 6, "mse-nas": ((5, *[1] * 9) * 2 + (1, 1))}
OPS = {"snasnet": (2, 3), "mse-nas": (1, 2)}


@everywhere
@by_objectives
def test_no_network_is_asked_for_twice_in_a_generation_or_again_while_it_lives(
    space: str, objectives: tuple[Objective, ...]
) -> None:
    search = start("evolve", problem_of(space, objectives, population=15, layers=1))
    hashes: list[str] = []
    for generation in range(8):
        living = [hashes[place] for place in search.population]
        candidates = search.ask()
        new = [genome_hash(genome) for genome in candidates]
        assert len(new) == 15, generation
        assert len({*living, *new}) == len(living) + len(new)
        hashes += new
        search.tell([judge(genome) for genome in candidates])


@everywhere
def test_the_best_network_is_never_lost_and_gets_better(space: str) -> None:
    search = start("evolve", problem_of(space, population=8))
    told: list[Record] = []
    best: list[float] = []
    for _ in range(12):
        told += (records := [judge(genome) for genome in search.ask()])
        search.tell(records)
        alive = [MANY.cost(told[place]) for place in search.population]
        assert alive == sorted(alive)
        assert alive == sorted(MANY.cost(r) for r in {r.hash: r for r in told}.values())[: len(alive)]
        best.append(alive[0])
    assert best[-1] < best[0]


@everywhere
def test_it_beats_random_search_for_five_seeds_of_five(space: str) -> None:
    """The same number of evaluations, the same first generation."""
    for seed in range(5):
        best: dict[str, float] = {}
        first: dict[str, Genome] = {}
        for strategy in ("evolve", "random"):
            problem = problem_of(space, population=10, seed=seed, layers=2)
            asked, told = run(start(strategy, problem), 9)
            assert len(flat(told)) == 90
            best[strategy] = max(MANY.value(record) or 0 for record in flat(told))
            first[strategy] = asked[0][0]
        assert first["evolve"] == first["random"]
        assert best["evolve"] > best["random"], (seed, best)


@everywhere
def test_two_objectives_find_the_whole_front_and_keep_it(space: str) -> None:
    """Six ops of a cell, or nine of a layer, each of them of one kind or the other: 7 and 10 points."""
    most = 9 if space == "mse-nas" else 6
    front = {(float(k), float(most - k)) for k in range(most + 1)}
    search = start("evolve", problem_of(space, (MANY, NARROW), population=30, layers=1))
    told: list[Record] = []
    found: list[int] = []
    while len(found) < 60 and found[-5:] != [len(front)] * 5:
        told += (records := [judge(genome) for genome in search.ask()])
        search.tell(records)
        points = {(told[i].values["wide"], told[i].values["narrow"]) for i in search.population}
        found.append(len(points & front))
    assert found[-1] == len(front)
    assert found == sorted(found), "a point of the front was lost"


@everywhere
@by_objectives
def test_an_exhausted_space_ends_the_search(
    space: str, objectives: tuple[Objective, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two networks, then none, however often it is asked."""
    tiny = Narrowed(space, FULL[space], {1: OPS[space]})
    monkeypatch.setattr(encoding_module, "find_space", lambda name: tiny)
    search = start("evolve", problem_of(space, objectives, population=6))
    asked, _ = run(search, 5)
    assert [len(candidates) for candidates in asked] == [2]
    assert sorted(search.population) == [0, 1]
    for _ in range(2):
        search.tell([])
        assert search.ask() == []
    assert sorted(search.population) == [0, 1]


@everywhere
def test_where_few_networks_are_left_fewer_candidates_come(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six networks and a population of four: the two others, time and again."""
    places = (1, 5) if space == "snasnet" else (1, 2)
    free = {places[0]: (1, 3), places[1]: (2, 3)} if space == "snasnet" else {1: (1, 2), 2: (0, 2)}
    tiny = Narrowed(space, FULL[space], free)
    monkeypatch.setattr(encoding_module, "find_space", lambda name: tiny)
    search = start("evolve", problem_of(space, population=4))
    asked, told = run(search, 5)
    assert [len(candidates) for candidates in asked] == [4, 2, 2, 2, 2]
    assert len({record.hash for record in flat(told)}) == 6


def test_a_space_of_one_network_ends_after_it() -> None:
    search = start("evolve", problem_of("mse-nas", layers=0))
    asked, _ = run(search, 3)
    assert [len(candidates) for candidates in asked] == [1]
    assert search.population == (0,)


@everywhere
@by_objectives
def test_it_never_ends_by_itself(space: str, objectives: tuple[Objective, ...]) -> None:
    """pymoo's default criteria end a search whose values have stood still for some tens of generations."""
    search = start("evolve", problem_of(space, objectives, population=3, layers=1))
    still = {"wide": 1.0, "narrow": 1.0}
    asked, _ = run(search, 80, lambda genome: Record(genome_hash(genome), 0, still))
    assert [len(candidates) for candidates in asked] == [3] * 80


@everywhere
def test_a_population_of_one_evolves(space: str) -> None:
    search = start("evolve", problem_of(space, population=1))
    asked, told = run(search, 20)
    assert [len(candidates) for candidates in asked] == [1] * 20
    records = flat(told)
    assert MANY.cost(records[search.population[0]]) == min(MANY.cost(record) for record in records)


def test_survival_is_pymoo_s_where_nothing_is_equal() -> None:
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    from msc.search.evolution.breeding import RankedAndCrowded

    problem = Problem(n_var=1, n_obj=2, n_ieq_constr=1)
    rng = np.random.default_rng(0)
    for feasible in (0, 5, 15, 40):
        pop = Population.new(X=np.arange(40)[:, None], F=rng.random((40, 2)), G=rng.random((40, 1)))
        pop[:feasible].set("G", np.zeros((feasible, 1)))
        kept = [
            survival.do(problem, pop, n_survive=20, random_state=np.random.default_rng(1))
            for survival in (RankedAndCrowded(), RankAndCrowding())
        ]
        ours, theirs = ({int(one.X[0]) for one in survivors} for survivors in kept)
        assert ours == theirs, feasible
        assert len(ours) == 20


@everywhere
def test_pymoo_prints_nothing_where_it_is_not_compiled(
    space: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its hint would go to stdout, among answers; nothing of pymoo's configuration changes."""
    import pymoo.functions as functions
    from pymoo.config import Config

    monkeypatch.setattr(functions, "is_compiled", lambda: False)
    monkeypatch.setattr(functions.FunctionLoader, "_FunctionLoader__instance", None)
    run(start("evolve", problem_of(space, (MANY, NARROW), population=3)), 2)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert Config.warnings == {"not_compiled": True}


@everywhere
def test_two_parents_exchange_one_stretch_of_genes(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Genes that are not read too; mutation is switched off here."""
    monkeypatch.setattr(encoding_module.Encoding, "vary", lambda self, vector, rng: vector)
    search = start("evolve", problem_of(space, population=6))
    search.tell([judge(genome) for genome in search.ask()])
    parents = [one.X for one in search._algorithm.pop]
    search.ask()
    children = [one.X for one in search._asked]
    places = np.arange(len(parents[0]))
    crossed = {
        np.where((first <= places) & (places < end), q, p).tobytes()
        for p, q in permutations(parents, 2)
        for first, end in combinations(range(len(places) + 1), 2)
    }
    assert len(children) == 6
    assert all(child.tobytes() in crossed for child in children)


@everywhere
def test_latent_genes_come_along(space: str) -> None:
    """Genes that are not read are passed on with what they hold."""
    problem = problem_of(space, population=10, layers=3)
    search, encoding = start("evolve", problem), encoding_module.Encoding(problem)
    run(search, 6)
    unread = [one.X[~encoding.read(one.X)] > encoding.least[~encoding.read(one.X)] for one in search._asked]
    assert sum(int(above.sum()) for above in unread) > 0


def test_records_of_infinite_cost_do_not_upset_crowding() -> None:
    """Infinite costs subtracted make not-a-number: no warning, and the finite ones are ranked."""
    search = start("evolve", problem_of("mse-nas", (MANY, NARROW), population=8))

    def half(genome: Genome) -> Record:
        record = judge(genome)
        return (
            replace(record, values={"wide": 1.0, "narrow": None}) if int(record.hash[0], 16) % 2 else record
        )

    with np.errstate(all="raise"):
        _, told = run(search, 4, half)
    survivors = [flat(told)[place] for place in search.population]
    assert all(record.values["narrow"] is not None for record in survivors)
