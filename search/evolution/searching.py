"""Runs a search: asks for candidates, has each network scored once, and keeps all that is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from msc.search.canonical import canonical, genome_hash
from msc.search.evolution.finalists import final_tasks, winner
from msc.search.evolution.history import EVALUATION, FINALIST, History
from msc.search.evolution.pools import Pool
from msc.search.evolution.ranking import Scored, comparable, non_dominated, ranked
from msc.search.evolution.runfolder import write_best, write_front
from msc.search.evolution.settings import SearchSettings
from msc.search.evolution.strategies import Search, SearchProblem, find_strategy
from msc.search.evolution.watching import Generation, Watcher
from msc.search.genome import Genome
from msc.search.scoring.evaluate import Task
from msc.search.scoring.records import Record
from msc.search.spaces import find_space


class SearchInterrupted(KeyboardInterrupt):
    """A search was asked to stop, and has: all that was finished is saved, and it can be resumed.

    It passes where an interrupt passes; the command line ends with exit 130.
    """


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    `best` is the winner (None where no network is feasible) and `record` its record under the search's own
    seed; `front` the feasible networks that no other beats in every objective, by the first one (of a
    single objective: the winner). `evaluations` counts distinct networks, `cached` the candidates whose
    network had been scored before, `infeasible` networks by violated guard, `failed` those without a score.
    """

    best: Genome | None
    record: Record | None
    front: tuple[Genome, ...]
    evaluations: int
    cached: int
    infeasible: Mapping[str, int]
    failed: int


def search(
    settings: SearchSettings,
    pool: Pool,
    folder: Path,
    watcher: Watcher,
    stop: Callable[[], bool],
    resume: bool,
) -> Outcome:
    """Search in `folder`, or go on with the search in it; the result depends on the settings alone.

    Generation 0 is the first that the strategy asks for, `generations` more follow. Resuming runs the same
    search again, with the records of the history instead of evaluations.

    Once `stop()` is true, what was begun is finished and saved, and SearchInterrupted raised. Raises
    FileError, SettingsError and HistoryError as `History` does, PoolError as the pool does; a bug in an
    evaluation ends the search, and leaves what was written valid.
    """
    strategy = find_strategy(settings.strategy)
    with History(folder, settings, resume, watcher.note) as history:
        run = _Run(settings, pool, folder, history, watcher, stop)
        try:
            run.evolve(strategy.start(_problem(settings)))
            return run.conclude()
        except SearchInterrupted:
            run.keep_best()
            raise


def _problem(settings: SearchSettings) -> SearchProblem:
    return SearchProblem(
        settings.space,
        settings.skeleton,
        settings.layers,
        settings.objectives,
        settings.population,
        settings.seed,
    )


class _Run:
    """A search under way: all networks scored so far, in the order of their age."""

    def __init__(
        self,
        settings: SearchSettings,
        pool: Pool,
        folder: Path,
        history: History,
        watcher: Watcher,
        stop: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.folder = folder
        self.history = history
        self.watcher = watcher
        self.stop = stop
        self.scored: dict[str, Scored] = {}
        self.told: list[str] = []
        self.kept: str | None = None
        self.space = find_space(settings.space)
        self.trains = any(objective.fitness.trains for objective in settings.objectives)

    def evolve(self, strategy: Search) -> None:
        """Run all generations, or as many as the space has candidates for."""
        for number in range(self.settings.generations + 1):
            candidates = self._identified(strategy.ask())
            if not candidates:
                return
            new = self._score(number, candidates)
            hashes = [hash for hash, _ in candidates]
            strategy.tell([self.scored[hash].record for hash in hashes])
            self.told += hashes
            survivors = [self.told[index] for index in strategy.population]
            self.history.write(
                {
                    "kind": "generation",
                    "generation": number,
                    "candidates": hashes,
                    "population": survivors,
                    "cached": len(hashes) - new,
                }
            )
            self.keep_best()
            self.watcher.generation(self._summary(number, hashes, survivors, new))

    def conclude(self) -> Outcome:
        """Measure the finalists, pick the winner, and write down the end."""
        objectives = self.settings.objectives
        finalists = ranked(self.scored.values(), objectives)[: self.settings.finalists]
        best = winner(finalists, self._measure(finalists), objectives[0])
        best = best or next(iter(ranked(self.scored.values(), objectives)), None)
        if len(objectives) > 1:
            front = non_dominated(self.scored.values(), objectives)
            write_front(self.folder, [(one.record.hash, one.genome) for one in front])
        else:
            front = [] if best is None else [best]
        if best is not None:
            write_best(self.folder, best.genome)
        hashes = [one.record.hash for one in front]
        self.history.write(
            {"kind": "end", "best": None if best is None else best.record.hash, "front": hashes}
        )
        return self._outcome(best, front)

    def keep_best(self) -> None:
        """Write the best genome so far; while old lines are replayed, the one that is there is no worse."""
        best = next(iter(ranked(self.scored.values(), self.settings.objectives)), None)
        if best is None or best.record.hash == self.kept or self.history.replaying:
            return
        write_best(self.folder, best.genome)
        self.kept = best.record.hash

    def _identified(self, genomes: Sequence[Genome]) -> list[tuple[str, Genome]]:
        """Name candidates by the hashes of their networks."""
        found: list[tuple[str, Genome]] = []
        for genome in genomes:
            self._check_stop()
            found.append((genome_hash(genome), genome))
        return found

    def _score(self, number: int, candidates: Sequence[tuple[str, Genome]]) -> int:
        """Have the candidates scored whose networks are new, in their order; returns how many were."""
        new: dict[str, Task] = {}
        for hash, genome in candidates:
            if hash not in self.scored and hash not in new:
                self._check_stop()
                simplest = replace(canonical(genome), seed=self.settings.seed)
                new[hash] = Task(simplest, self.settings.seed, trained=self.trains)
        records = self._records(EVALUATION, list(new.items()), self.history.evaluation)
        for index, (hash, _) in enumerate(candidates):
            if hash in self.scored:
                self.watcher.scored(self.scored[hash].record, True, False)
                continue
            record, replayed = next(records)
            genome = new[hash].genome
            self.history.write(
                {
                    "kind": EVALUATION,
                    "generation": number,
                    "candidate": index,
                    "genes": self.space.write_genes(genome.genes),
                    "record": record.to_json(),
                }
            )
            self.scored[hash] = Scored(genome, record)
            self.watcher.scored(record, False, replayed)
        return len(new)

    def _check_stop(self) -> None:
        if self.stop():
            raise SearchInterrupted

    def _measure(self, finalists: Sequence[Scored]) -> dict[str, list[Record]]:
        """Measure finalists under several weight seeds; returns their records by hash."""
        tasks = [(one.record.hash, task) for one in finalists for task in final_tasks(one, self.settings)]
        found: dict[str, list[Record]] = {one.record.hash: [] for one in finalists}
        records = self._records(FINALIST, tasks, self.history.finalist)
        for done, ((hash, task), (record, _)) in enumerate(zip(tasks, records, strict=True), start=1):
            genes = self.space.write_genes(task.genome.genes)
            self.history.write({"kind": FINALIST, "genes": genes, "record": record.to_json()})
            found[hash].append(record)
            self.watcher.finalist(done, len(tasks))
        return found

    def _records(
        self,
        kind: str,
        tasks: Sequence[tuple[str, Task]],
        stored: Callable[[str, int], Record | None],
    ) -> Iterator[tuple[Record, bool]]:
        """Yield a record for each task in order, and whether the history had it.

        Raises SearchInterrupted where the pool ends before the last.
        """
        known = [self._usable(stored(hash, task.seed)) for hash, task in tasks]
        missing = [task for (_, task), record in zip(tasks, known, strict=True) if record is None]
        finished = iter(self.pool.run(missing, self.stop) if missing else ())
        for (hash, task), record in zip(tasks, known, strict=True):
            if record is not None:
                yield record, True
                continue
            done = next(finished, None)
            if done is None:
                raise SearchInterrupted
            if (done.record.hash, done.record.seed) != (hash, task.seed):
                raise RuntimeError(f"a pool gave the record of {done.record.hash} for the task of {hash}")
            self.history.timing(kind, done.record, done.seconds)
            yield done.record, False

    def _usable(self, record: Record | None) -> Record | None:
        """Drop a stored record that lacks a value which its network must have."""
        if record is None or not record.feasible:
            return record
        return record if all(o.measure in record.values for o in self.settings.objectives) else None

    def _summary(self, number: int, hashes: Sequence[str], survivors: Sequence[str], new: int) -> Generation:
        objectives = self.settings.objectives
        records = [self.scored[hash].record for hash in hashes]
        alive = [self.scored[hash].record for hash in survivors]
        values = [
            (objectives[0].cost(record), value)
            for record in alive
            if comparable(record, objectives) and (value := objectives[0].value(record)) is not None
        ]
        return Generation(
            number,
            self.settings.generations,
            min(values)[1] if values else None,
            median(value for _, value in values) if values else None,
            sum(record.feasible for record in records),
            Counter(reason for record in records for reason in record.reasons),
            len(hashes) - new,
            new,
        )

    def _outcome(self, best: Scored | None, front: Sequence[Scored]) -> Outcome:
        records = [one.record for one in self.scored.values()]
        return Outcome(
            None if best is None else best.genome,
            None if best is None else best.record,
            tuple(one.genome for one in front),
            len(records),
            len(self.told) - len(records),
            Counter(v.guard for record in records for v in record.violations),
            sum(record.failure is not None for record in records),
        )
