"""A pool whose records follow from hashes alone, and a small strategy: a search without networks."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from msc.search import canonical as canonicals
from msc.search.evolution import objectives, searching
from msc.search.evolution.objectives import Objective
from msc.search.evolution.pools import Done
from msc.search.evolution.searching import Outcome, search
from msc.search.evolution.settings import SearchSettings
from msc.search.evolution.strategies import SearchProblem
from msc.search.evolution.watching import Generation
from msc.search.generate import draw_connected, new_skeleton
from msc.search.genome import Genome
from msc.search.scoring.evaluate import Task
from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.records import Record, Violation
from msc.search.spaces import find_space

SMALL: dict[str, Any] = {"input_shape": (1, 8, 8), "classes": 3, "votes": 2, "channels": 2, "hidden": 4}
GENOMES = 60
BIE = Objective("bie", Better.LOWER)
SYNOPS = Objective("synops", Better.LOWER)
ACCURACY = Objective("accuracy", Better.HIGHER)

simplest = cache(canonicals.canonical)
hash_of = cache(canonicals.genome_hash)


@cache
def genome(number: int) -> Genome:
    """The n-th of a few small genomes, dead genes included; some are the same network."""
    rng = np.random.default_rng(number)
    return draw_connected(find_space("snasnet"), new_skeleton("snasnet", **SMALL), rng, 0, number)


def settings(**changes: Any) -> SearchSettings:
    skeleton = new_skeleton("snasnet", **SMALL)
    return replace(
        SearchSettings(
            space="snasnet",
            skeleton=skeleton,
            layers=0,
            data="digits",
            data_hash="d" * 64,
            batch=8,
            batches=2,
            objectives=(BIE,),
            strategy="fake",
            population=8,
            generations=3,
            seed=1,
            finalists=3,
            weight_seeds=2,
        ),
        **changes,
    )


def record_of(task: Task) -> Record:
    """A record that is a pure function of network and seed: some are infeasible, a few failed."""
    name = hash_of(task.genome)
    lot = hashlib.sha256(f"{name} {task.seed}".encode()).digest()
    if lot[0] < 16:
        return Record(name, task.seed, failure="it overflowed")
    values: dict[str, float | None] = {"bie": lot[1] % 32 / 4, "synops": float(lot[2])}
    if task.trained:
        values["accuracy"] = lot[3] / 255
    if lot[4] < 16:
        values["bie"] = None
    violations = (Violation("silent", lot[5] / 255, "stem fires 0.0"),) if lot[0] < 64 else ()
    currents = {"stem": (lot[6] / 3, 0.0)} if task.detailed else None
    return Record(name, task.seed, values, 10, 20, {"stem": lot[7] / 255}, currents, violations)


@dataclass
class FakePool:
    """Evaluates in this process, `ahead` tasks begun at a time; `tasks` are all that were begun."""

    evaluate: Callable[[Task], Record] = record_of
    ahead: int = 1
    seconds: float = 0.5
    tasks: list[Task] = field(default_factory=list)

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
        waiting, begun = deque(tasks), deque[Task]()
        while waiting or begun:
            while waiting and len(begun) < self.ahead and not stop():
                begun.append(waiting.popleft())
                self.tasks.append(begun[-1])
            if not begun:
                return
            yield Done(self.evaluate(begun.popleft()), self.seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def keys(self) -> list[tuple[str, int, bool]]:
        """What was evaluated: hash, seed, whether as a finalist."""
        return [(hash_of(task.genome), task.seed, task.detailed) for task in self.tasks]


@dataclass
class Notes:
    """A watcher that writes down what it is told."""

    notes: list[str] = field(default_factory=list)
    scores: list[tuple[Record, bool, bool]] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    finals: list[tuple[int, int]] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def scored(self, record: Record, cached: bool, replayed: bool) -> None:
        self.scores.append((record, cached, replayed))

    def generation(self, summary: Generation) -> None:
        self.generations.append(summary)

    def finalist(self, done: int, of: int) -> None:
        self.finals.append((done, of))


class FakeSearch:
    """Draws half of a generation anew, half next to its best so far: what it is told decides what it asks."""

    def __init__(self, problem: SearchProblem, genomes: int) -> None:
        self._problem = problem
        self._rng = np.random.default_rng(problem.seed)
        self._genomes = genomes
        self._asked: list[int] = []
        self._costs: list[float] = []

    def ask(self) -> list[Genome]:
        size = self._problem.population
        drawn = [int(number) for number in self._rng.integers(0, self._genomes, size)]
        for place in range(size // 2 if self._costs else 0):
            drawn[place] = (self._asked[self.population[place]] + drawn[place] % 3) % self._genomes
        self._asked += drawn
        return [genome(number) for number in drawn]

    def tell(self, records: Sequence[Record]) -> None:
        self._costs += [100 * r.violation or self._problem.objectives[0].cost(r) for r in records]

    @property
    def population(self) -> tuple[int, ...]:
        order = sorted(range(len(self._costs)), key=lambda index: (self._costs[index], index))
        return tuple(order[: self._problem.population])


@dataclass(frozen=True)
class FakeStrategy:
    name: str = "fake"
    genomes: int = GENOMES

    def start(self, problem: SearchProblem) -> FakeSearch:
        return FakeSearch(problem, self.genomes)


def install(replace_attribute: Callable[[object, str, object], None], strategy: Any = None) -> None:
    """Put the fake strategy and measures in place of the real ones, and remember canonical forms."""
    chosen = strategy or FakeStrategy()
    replace_attribute(searching, "find_strategy", lambda name: chosen)
    replace_attribute(searching, "canonical", simplest)
    replace_attribute(searching, "genome_hash", hash_of)
    replace_attribute(objectives, "find_fitness", _fitness)


def _fitness(name: str) -> Fitness:
    def measure(evidence: Evidence) -> float:
        raise AssertionError("nothing is measured here")

    return Fitness(name, name, Better.LOWER, "", measure, trains=name == "accuracy")


def run(
    folder: Path,
    pool: FakePool | None = None,
    watcher: Notes | None = None,
    stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
    **changes: Any,
) -> Outcome:
    """Search with the fakes."""
    return search(settings(**changes), pool or FakePool(), folder, watcher or Notes(), stop, resume)


def files(folder: Path) -> dict[str, bytes]:
    """All files of a run that do not depend on how it went, by name."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
