"""What holds for all measures: they are found by name, and say what they are."""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path

import pytest

from msc.compiler.registry import UnknownPartError
from msc.search.scoring import fitness
from msc.search.scoring.fitness import Better, Evidence, find_fitness, fitnesses
from tests.search.scoring.fitness.spikes import evidence, random_batch

DIRECTIONS = {
    "accuracy": Better.HIGHER,
    "bie": Better.LOWER,
    "bie-binary": Better.LOWER,
    "bie-norm": Better.HIGHER,
    "energy": Better.LOWER,
    "hd": Better.HIGHER,
    "params": Better.LOWER,
    "rate": Better.LOWER,
    "sahd": Better.HIGHER,
    "synops": Better.LOWER,
}
SPIKING = [f.name for f in fitnesses().values() if f.spikes]


def test_every_file_is_a_measure_under_its_name() -> None:
    files = {path.stem for path in Path(fitness.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in fitnesses()} == files


def test_directions_are_those_of_the_papers() -> None:
    assert {f.name: f.better for f in fitnesses().values()} == DIRECTIONS


def test_what_a_measure_needs() -> None:
    assert {f.name for f in fitnesses().values() if not f.spikes} == {"params", "accuracy"}
    assert {f.name for f in fitnesses().values() if f.trains} == {"accuracy"}
    assert {f.name for f in fitnesses().values() if f.shrinks} == {"bie", "bie-binary"}
    assert {f.name for f in fitnesses().values() if f.priced} == {"energy"}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_measure_says_what_it_is(name: str) -> None:
    found = find_fitness(name)
    assert found.name == name
    assert len(found.title) > 5
    assert len(found.source) > 10
    assert found.measure.__doc__


def test_papers_are_cited() -> None:
    for name, paper in {"bie": "2304.10749", "sahd": "2201.10355", "hd": "2006.04647"}.items():
        assert re.search(paper, find_fitness(name).source)


def test_an_unknown_measure_names_those_there_are() -> None:
    with pytest.raises(UnknownPartError, match="fitness bei: unknown; use one of: accuracy, bie, bie-binary"):
        find_fitness("bei")


@pytest.mark.parametrize("name", SPIKING)
def test_a_measure_is_the_mean_over_batches(name: str) -> None:
    measure = find_fitness(name).measure
    batches = [random_batch(seed) for seed in (1, 2, 3)]
    alone = [measure(evidence(batch)) for batch in batches]
    assert len(set(alone)) == 3
    assert measure(evidence(*batches)) == pytest.approx(sum(alone) / 3, rel=1e-12)


@pytest.mark.parametrize("name", SPIKING)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    batch = random_batch(4)
    turned = {population: spikes[:, ::-1].copy() for population, spikes in batch.items()}
    measure = find_fitness(name).measure
    assert measure(evidence(turned)) == pytest.approx(measure(evidence(batch)), rel=1e-9)


@pytest.mark.parametrize("name", SPIKING)
def test_one_sample_has_a_value(name: str) -> None:
    """Nothing to compare it with: no distance, but no failure either."""
    value = find_fitness(name).measure(evidence(random_batch(5, samples=1)))
    assert isfinite(value)
    if name.startswith("bie"):
        assert value == 0


@pytest.mark.parametrize("name", fitnesses())
def test_a_value_is_a_plain_float(name: str) -> None:
    """What is written to a file as JSON."""
    if not find_fitness(name).trains:
        found: Evidence = evidence(random_batch(6))
        assert type(find_fitness(name).measure(found)) is float
