"""What every strategy keeps: reproducible candidates, all of them networks, feasible ones first."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isfinite, nan

import numpy as np
import pytest

from msc.search.evolution import encoding as encoding_module
from msc.search.evolution.encoding import TRIES, Encoding
from msc.search.evolution.objectives import Objective
from msc.search.evolution.strategies import strategies
from msc.search.generate import GenerationError
from msc.search.genome import Genome
from msc.search.scoring.fitness import Better
from msc.search.scoring.records import FAILED, Record, Violation
from msc.search.spaces import find_space
from tests.search.evolution.strategies.toys import (
    FEW,
    MANY,
    NARROW,
    SPACES,
    STRATEGIES,
    Narrowed,
    flat,
    judge,
    lowered,
    problem_of,
    run,
    start,
)

each = pytest.mark.parametrize("strategy", STRATEGIES)
everywhere = pytest.mark.parametrize("space", SPACES)
by_objectives = pytest.mark.parametrize("objectives", [(MANY,), (MANY, NARROW)], ids=["one", "two"])


def test_the_tests_know_every_strategy() -> None:
    assert tuple(strategies()) == STRATEGIES


@each
@everywhere
@by_objectives
def test_the_same_seed_asks_for_the_same_candidates(
    strategy: str, space: str, objectives: tuple[Objective, ...]
) -> None:
    """Whatever else draws random numbers, two searches step by step included."""
    problem = problem_of(space, objectives)
    np.random.seed(3)
    alone, _ = run(start(strategy, problem), 5)
    one, other = start(strategy, problem), start(strategy, problem)
    third = start(strategy, replace(problem, seed=1))
    differs = False
    for generation in range(5):
        np.random.seed(generation)
        before = np.random.get_state()[1].tolist()
        candidates = one.ask()
        differs |= third.ask() != candidates
        assert other.ask() == candidates == alone[generation]
        for search in (other, one, third):
            search.tell([judge(genome) for genome in candidates])
        assert np.random.get_state()[1].tolist() == before
        assert one.population == other.population
    assert differs


@each
@everywhere
@by_objectives
def test_records_read_back_from_a_file_replay_a_search(
    strategy: str, space: str, objectives: tuple[Objective, ...]
) -> None:
    first = start(strategy, problem_of(space, objectives))
    asked, told = run(first, 6)
    again = start(strategy, problem_of(space, objectives))
    for candidates, records in zip(asked, told, strict=True):
        assert again.ask() == candidates
        again.tell([Record.from_json(json.loads(json.dumps(record.to_json()))) for record in records])
    assert again.population == first.population
    assert again.ask() == first.ask()


@each
@everywhere
@pytest.mark.parametrize("layers", [0, 1, 2, 5])
def test_all_candidates_are_networks_on_the_problem_s_skeleton(
    strategy: str, space: str, layers: int
) -> None:
    problem = problem_of(space, layers=layers, seed=7)
    asked, _ = run(start(strategy, problem), 4)
    bounds = find_space(space).bounds(layers)
    for genome in flat(asked):
        assert (genome.space, genome.skeleton, genome.seed) == (space, problem.skeleton, 7)
        assert lowered(genome).network is not None
        vector = find_space(space).encode(genome.genes)
        assert len(vector) == len(bounds)
        assert all(least <= gene <= most for gene, (least, most) in zip(vector, bounds, strict=True))


@each
@everywhere
@by_objectives
def test_survivors_are_places_among_the_told(
    strategy: str, space: str, objectives: tuple[Objective, ...]
) -> None:
    search = start(strategy, problem_of(space, objectives, population=5))
    assert search.population == ()
    told: list[Record] = []
    for _ in range(4):
        told += (records := [judge(genome) for genome in search.ask()])
        search.tell(records)
        survivors = search.population
        assert len(survivors) == min(5, len({record.hash for record in told}))
        assert len({told[place].hash for place in survivors}) == len(survivors)
        best = min(objectives[0].cost(record) for record in told)
        assert best in [objectives[0].cost(told[place]) for place in survivors]


@each
@everywhere
@by_objectives
def test_the_feasible_survive_before_all_others(
    strategy: str, space: str, objectives: tuple[Objective, ...]
) -> None:
    """An infeasible network's cost never counts, however low; of infeasible ones the least violation does."""

    def guarded(genome: Genome) -> Record:
        record = judge(genome)
        kind = int(record.hash[:8], 16) % 5
        if kind == 0:
            return replace(record, values={}, failure="too large")
        if kind in (1, 2):
            lured = {"wide": 1e9, "narrow": 1e9}
            return replace(record, values=lured, violations=(Violation("silent", kind / 4, "layer1.A"),))
        return record

    search = start(strategy, problem_of(space, objectives, population=10))
    told: list[Record] = []
    mixed = 0
    for _ in range(4):
        told += (records := [guarded(genome) for genome in search.ask()])
        search.tell(records)
        survivors = [told[place] for place in search.population]
        kept = {record.hash for record in survivors}
        lost = [record for record in told if record.hash not in kept]
        infeasible = [record.violation for record in survivors if not record.feasible]
        mixed += 0 < len(infeasible) < len(survivors)
        assert not (infeasible and [record for record in lost if record.feasible])
        assert max(infeasible, default=0) <= min(
            (r.violation for r in lost if not r.feasible), default=FAILED
        )
    assert mixed, "no generation had survivors of both kinds"


@each
@everywhere
@pytest.mark.parametrize("worthless", [nan, inf, -inf, None, "left out"])
@pytest.mark.parametrize("direction", list(Better), ids=lambda better: better.value)
@pytest.mark.parametrize("several", [False, True], ids=["one", "two"])
def test_what_has_no_value_never_wins(
    strategy: str, space: str, worthless: float | str | None, direction: Better, several: bool
) -> None:
    """Feasible by its guards or not, as first objective and as second."""

    def broken(record: Record) -> bool:
        return int(record.hash[:8], 16) % 3 == 0

    def judged(genome: Genome) -> Record:
        record = judge(genome)
        if not broken(record):
            return record
        values = {"narrow": 99.0} if worthless == "left out" else {"wide": worthless, "narrow": 99.0}
        record = replace(record, values=values)
        guarded = (Violation("not-a-number", 1.0, "wide"),)
        return replace(record, violations=guarded) if int(record.hash[8], 16) % 2 else record

    wide = Objective("wide", direction)
    search = start(strategy, problem_of(space, (NARROW, wide) if several else (wide,), population=6))
    told: list[Record] = []
    for _ in range(3):
        told += (records := [judged(genome) for genome in search.ask()])
        search.tell(records)
    assert any(broken(record) for record in told)
    assert not any(broken(told[place]) for place in search.population)
    assert all(isfinite(wide.cost(told[place])) for place in search.population)


@each
@everywhere
def test_where_nothing_is_feasible_the_search_goes_on(strategy: str, space: str) -> None:
    """And where records have no values at all."""
    search = start(strategy, problem_of(space, (MANY, NARROW), population=4))
    asked, _ = run(search, 5, lambda genome: Record(judge(genome).hash, 0, failure="no memory"))
    assert [len(candidates) for candidates in asked] == [4] * 5
    assert len(search.population) == 4


@each
@everywhere
def test_candidates_too_large_to_handle_are_drawn_again(strategy: str, space: str) -> None:
    """With 4096 channels some genomes of each space are beyond what lowering takes, others are not."""
    if space == "mse-nas":
        problem = problem_of(space, (FEW,), population=12, layers=1)
        skeleton = replace(problem.skeleton, channels=4096, reductions=(0,), input_shape=(1, 8, 8))
    else:
        problem = problem_of(space, (FEW,), population=12)
        skeleton = replace(problem.skeleton, channels=4096, input_shape=(1, 8, 8))
    problem = replace(problem, skeleton=skeleton)
    encoding = Encoding(problem)
    rng = np.random.default_rng(0)
    refused = sum(encoding.network(encoding._random(rng)) is None for _ in range(40))
    assert 0 < refused < 40
    assert encoding._refusal is not None
    asked, _ = run(start(strategy, problem), 3)
    assert len(flat(asked)) == 36


@each
@pytest.mark.parametrize(
    ("space", "changes", "text"),
    [
        (
            "mse-nas",
            {"channels": 4096, "input_shape": (1, 4096, 4096)},
            "skeleton makes a network of 68,719,476,738 neurons, more than 268,435,456; "
            "use fewer channels or a smaller input",
        ),
        (
            "snasnet",
            {"input_shape": (1, 2, 2)},
            "skeleton.input_shape a map 2 wide cannot be pooled by 2 and then by 2; "
            "use at least 4 pixels a side or a smaller pool",
        ),
    ],
)
def test_a_skeleton_that_takes_no_genome_is_refused_with_the_reason(
    strategy: str, space: str, changes: dict[str, object], text: str
) -> None:
    problem = problem_of(space, layers=0, seed=5)
    search = start(strategy, replace(problem, skeleton=replace(problem.skeleton, **changes)))
    with pytest.raises(GenerationError) as error:
        search.ask()
    assert str(error.value) == f"seed 5: none of {TRIES} random genomes makes a network: {text}"


@each
@everywhere
def test_a_space_without_connected_genomes_is_refused(
    strategy: str, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = len(find_space(space).bounds(2))
    nothing = Narrowed(space, (0,) * (length - 2) + (1, 1), {length - 1: (1, 2)})
    if space == "mse-nas":  # a layer that nothing feeds
        nothing = Narrowed(space, (1, *[0] * 9, *[0] * 10, 1, 1), {20: (1, 3)})
    else:  # node 3 is fed by nothing
        nothing = Narrowed(space, (0,) * length, {1: (0, 4)})
    monkeypatch.setattr(encoding_module, "find_space", lambda name: nothing)
    with pytest.raises(GenerationError) as error:
        start(strategy, problem_of(space)).ask()
    assert str(error.value) == (
        f"seed 0: none of {TRIES} random genomes makes a network: all are disconnected; "
        "use another seed or fewer layers"
    )
