"""Statistics by generation, against histories small enough to count by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from msc.search.evolution.report.progress import (
    Balance,
    Spread,
    backward_shares,
    balance,
    balances,
    outcome,
    outcomes,
    spreads,
    structure_mix,
)
from msc.search.scoring.records import Record, Violation
from tests.search.evolution.report.histories import BIE, Network, Story, network, record, settings
from tests.search.sample_genomes import cell, layered

A, B, C, D = (network(seed) for seed in range(4))
SILENT = Violation("silent", 0.5, "layer1.A below 0.1 %")
RATE = Violation("rate", 0.7, "mean rate 0.1 %")


def test_survivors_are_summarised_by_best_median_and_quartiles(tmp_path: Path) -> None:
    story = Story(settings(objectives=(BIE,)))
    for one, value in ((A, 1.0), (B, 2.0), (C, 4.0)):
        story.evaluation(one, values={"bie": value})
    story.evaluation(D, values={"bie": 0.1}, violations=(SILENT,))
    story.generation(0, [D], [D])
    story.generation(1, [A, B, C], [A, B, C, D])
    study = story.study(tmp_path)
    assert spreads(study, study.goal) == [Spread(1, 1.0, 2.0, 1.5, 3.0)]


def test_the_best_is_the_greatest_where_more_is_better(tmp_path: Path) -> None:
    story = Story()
    for one, value in ((A, 1.0), (B, 2.0)):
        story.evaluation(one, values={"bie-norm": value})
    story.generation(0, [A, B], [A, B])
    study = story.study(tmp_path)
    assert [spread.best for spread in spreads(study, study.goal)] == [2.0]


def test_an_outcome_is_the_guard_violated_most() -> None:
    assert outcome(record(A)) == "feasible"
    assert outcome(record(A, violations=(SILENT, RATE))) == "rate"
    assert outcome(Record(A.hash, 0, failure="out of memory")) == "failed"


def test_candidates_are_counted_once_each_and_again_when_met_again(tmp_path: Path) -> None:
    story = Story()
    story.evaluation(A)
    story.evaluation(B, violations=(SILENT, RATE))
    story.evaluation(C, failure="out of memory")
    story.generation(0, [A, B], [A])
    story.generation(1, [A, B, B, C], [A], cached=3)
    counts = outcomes(story.study(tmp_path))
    assert counts == [Counter(feasible=1, rate=1), Counter(feasible=1, rate=2, failed=1)]


def of(genome: object) -> Network:
    from msc.search.canonical import genome_hash
    from msc.search.genome import Genome

    assert isinstance(genome, Genome)
    return Network(genome_hash(genome), genome, (), 1)


def told(tmp_path: Path, *networks: Network) -> Story:
    skeleton = networks[0].genome.skeleton
    story = Story(settings(networks[0].genome.space, skeleton=skeleton))
    for one in networks:
        story.evaluation(one)
    story.generation(0, networks, networks)
    return story


def test_motifs_are_those_of_layers_that_live(tmp_path: Path) -> None:
    """The second genome's first layer feeds nothing: g1 = 1 reaches past it to the stem only through FE."""
    one = of(layered([(1, [1, 1]), (2, [1, 1, 1, 1])]))
    two = of(layered([(0, []), (3, [1, 1, 1, 1])]))
    dead = of(layered([(1, [0, 1]), (1, [1, 1])], g1=1))
    kinds, mixes = structure_mix(told(tmp_path, one, two, dead).study(tmp_path))
    assert kinds == ("empty", "FE", "FI", "FbI", "LI", "MI")
    assert mixes[0][kinds[1]] + mixes[0]["empty"] + mixes[0]["FI"] + mixes[0]["FbI"] == 6
    assert mixes == [Counter({"FE": 2, "FI": 1, "FbI": 1, "empty": 2})]


def test_ops_count_connections_and_pairs_without_one(tmp_path: Path) -> None:
    """Six pairs: 0-1 conv 3x3, 0-3 conv 3x3, 1-2 conv 3x3, 2-0 conv 1x1 back, 2-3 and 3-1 conv 1x1."""
    one = of(cell([[0, 3, 0, 3], [0, 0, 3, 0], [2, 0, 0, 2], [0, 2, 0, 0]]))
    two = of(cell([[0, 1, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0], [0, 0, 0, 0]]))
    study = told(tmp_path, one, two).study(tmp_path)
    kinds, mixes = structure_mix(study)
    assert kinds[0] == "no connection"
    assert mixes == [
        Counter({"conv 3x3": 3, "conv 1x1": 3, "identity": 1, "average pool 3x3": 1, "no connection": 4})
    ]
    assert backward_shares(study) == [pytest.approx(2 / 8)]


def test_the_balance_counts_populations_and_neurons_without_the_input(tmp_path: Path) -> None:
    """stem, A, I, C of 4 x 8 x 8 neurons each, head of 6: one of five populations inhibits."""
    inhibited = of(layered([(2, [1, 1, 1, 1])]))
    excited = of(layered([(1, [1, 1])]))
    study = told(tmp_path, inhibited, excited).study(tmp_path)
    found = balance(study, study.scored[inhibited.hash])
    assert found == Balance(1 / 5, 256 / (4 * 256 + 6))
    assert balance(study, study.scored[excited.hash]) == Balance(0.0, 0.0)
    assert balances(study) == [Balance(1 / 10, 128 / (4 * 256 + 6))]
