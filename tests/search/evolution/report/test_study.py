"""What a report takes from a history: goals, what counts, the best, the front, the finalists."""

from __future__ import annotations

from pathlib import Path

from msc.search.canonical import genome_hash
from msc.search.evolution.report.study import mean_rate
from msc.search.scoring.records import Violation
from tests.search.evolution.report.histories import BIE, NORMED, SYNOPS, Story, network, record, settings

A, B, C, D = (network(seed) for seed in range(4))
BROKEN = (Violation("silent", 0.5, "layer1.A below 0.1 %"),)


def test_goals_say_which_way_they_go(tmp_path: Path) -> None:
    study = Story(settings(objectives=(BIE, NORMED))).study(tmp_path)
    assert [(goal.measure, goal.lower, goal.preferred) for goal in study.goals] == [
        ("bie", True, "lower"),
        ("bie-norm", False, "higher"),
    ]
    assert [goal.cost(2.0) for goal in study.goals] == [2.0, -2.0]
    assert "BIE" in study.goal.title


def test_a_measure_that_is_gone_keeps_its_name(tmp_path: Path) -> None:
    story = Story()
    story.settings["objectives"] = ["lost:min"]
    goal = story.study(tmp_path).goal
    assert (goal.measure, goal.title, goal.lower, goal.fitness) == ("lost", "lost", True, None)


def told(ended: bool) -> Story:
    """B has the best value but is silent, D has none, C is the best that counts, A is given the win."""
    story = Story(settings(objectives=(BIE, SYNOPS)))
    story.evaluation(A, values={"bie": 3.0, "synops": 1.0})
    story.evaluation(B, values={"bie": 1.0, "synops": 1.0}, violations=BROKEN)
    story.evaluation(C, values={"bie": 2.0, "synops": 2.0})
    story.evaluation(D, values={"bie": 0.5, "synops": None})
    story.generation(0, [A, B, C, D], [A, C])
    story.finalist(A, 0, values={"bie": 3.0})
    story.finalist(A, 1, values={"bie": 5.0}, violations=BROKEN)
    story.finalist(A, 2, values={"bie": 4.0})
    story.finalist(C, 0, values={"bie": 2.0})
    if ended:
        story.end(A, [A])
    return story


def test_only_feasible_networks_with_all_values_count(tmp_path: Path) -> None:
    study = told(False).study(tmp_path)
    assert [one.record.hash for one in study.feasible] == [A.hash, C.hash]


def test_the_end_says_who_won(tmp_path: Path) -> None:
    study = told(True).study(tmp_path)
    assert study.finished
    assert study.best is not None
    assert study.best.record.hash == A.hash
    assert [one.record.hash for one in study.front] == [A.hash]


def test_before_the_end_the_best_so_far_leads(tmp_path: Path) -> None:
    study = told(False).study(tmp_path)
    assert not study.finished
    assert study.best is not None
    assert study.best.record.hash == C.hash
    assert [one.record.hash for one in study.front] == [C.hash, A.hash]


def test_finalists_count_under_the_seeds_they_are_feasible_under(tmp_path: Path) -> None:
    study = told(True).study(tmp_path)
    assert study.finalists == (A.hash, C.hash)
    assert [r.seed for r in study.finals(A.hash)] == [0, 1, 2]
    assert study.final_values(A.hash) == [3.0, 4.0]


def test_genomes_are_made_whole_again(tmp_path: Path) -> None:
    study = told(True).study(tmp_path)
    for one in (A, C):
        assert genome_hash(study.genome(study.scored[one.hash])) == one.hash
    lowered = study.lowered(study.scored[A.hash])
    assert lowered is study.lowered(study.scored[A.hash])


def test_the_rate_is_the_measured_one() -> None:
    assert mean_rate(record(A, values={"rate": 0.25})) == 0.25
    assert mean_rate(record(A, values={})) is None
