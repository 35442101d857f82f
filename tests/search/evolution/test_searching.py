"""A search scores each network once, keeps what it finds, and ends the same however often it is stopped."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from msc.ir.errors import MscError
from msc.ir.files import FileError
from msc.search.evolution import linefile
from msc.search.evolution.history import HistoryError, read_history
from msc.search.evolution.pools import Done
from msc.search.evolution.ranking import Scored, non_dominated, ranked
from msc.search.evolution.searching import Outcome, SearchInterrupted
from msc.search.evolution.strategies import find_strategy
from msc.search.genome import load_genome
from msc.search.scoring.evaluate import Task
from msc.search.scoring.records import Record, Violation
from tests.search.evolution import fake_pool
from tests.search.evolution.fake_pool import (
    ACCURACY,
    BIE,
    SYNOPS,
    FakePool,
    FakeStrategy,
    Notes,
    files,
    genome,
    hash_of,
    record_of,
    run,
    simplest,
)

SEVERAL: dict[str, Any] = {"objectives": (BIE, SYNOPS)}


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pool.install(monkeypatch.setattr)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_bytes().splitlines()]


def best_of(folder: Path) -> str:
    return hash_of(load_genome(folder / "best.json"))


def stopped(folder: Path, pool: FakePool, after: int, **options: Any) -> Outcome | None:
    """Search until `after` evaluations are begun; None where the search was interrupted."""
    try:
        return run(folder, pool, stop=lambda: len(pool.tasks) >= after, **options)
    except SearchInterrupted:
        return None


class TestUndisturbed:
    def test_every_network_is_scored_once(self, tmp_path: Path) -> None:
        pool = FakePool()
        run(tmp_path / "run", pool)
        assert Counter(pool.keys).most_common(1)[0][1] == 1

    def test_history_tells_it_in_order(self, tmp_path: Path) -> None:
        pool = FakePool()
        outcome = run(tmp_path, pool)
        found = lines(tmp_path)
        kinds = "".join(line["kind"][0] for line in found)
        count = [len([0 for line in part if line == "e"]) for part in kinds.split("g")]
        assert kinds == "s" + "".join("e" * n + "g" for n in count[:4]) + "f" * 6 + "e"
        assert outcome.evaluations == sum(count[:4])
        assert [line["generation"] for line in found if line["kind"] == "generation"] == [0, 1, 2, 3]

    def test_evaluations_are_of_canonical_genomes_in_the_order_of_candidates(self, tmp_path: Path) -> None:
        run(tmp_path)
        found = read_history(tmp_path)
        seen: set[str] = set()
        for generation in found.generations:
            evaluated = [e for e in found.evaluations if e.generation == generation.number]
            new = list(dict.fromkeys(name for name in generation.candidates if name not in seen))
            assert [e.record.hash for e in evaluated] == new
            assert [generation.candidates[e.candidate] for e in evaluated] == new
            assert generation.cached == len(generation.candidates) - len(new)
            seen |= set(new)
        assert any(g.cached for g in found.generations)
        drawn = [genome(number) for number in range(fake_pool.GENOMES)]
        assert any(simplest(one).genes != one.genes for one in drawn)
        known = {hash_of(one): simplest(one) for one in drawn}
        for evaluation in found.evaluations:
            cell = [list(row) for row in known[evaluation.record.hash].genes.cell]
            assert evaluation.genes == {"cell": cell}

    def test_survivors_are_the_strategys(self, tmp_path: Path) -> None:
        run(tmp_path)
        found = read_history(tmp_path)
        costs = {e.record.hash: 100 * e.record.violation or BIE.cost(e.record) for e in found.evaluations}
        told: list[str] = []
        for generation in found.generations:
            told += generation.candidates
            assert list(generation.population) == sorted(told, key=lambda name: costs[name])[:8]

    def test_winner_is_written_and_told(self, tmp_path: Path) -> None:
        outcome = run(tmp_path)
        end = lines(tmp_path)[-1]
        assert outcome.best == load_genome(tmp_path / "best.json")
        assert outcome.best is not None
        assert outcome.record is not None
        assert end == {"kind": "end", "best": outcome.record.hash, "front": [outcome.record.hash]}
        assert outcome.record == record_of(Task(outcome.best, 1))
        assert hash_of(outcome.best) == outcome.record.hash
        assert outcome.best.seed == 1
        assert outcome.front == (outcome.best,)
        assert not (tmp_path / "front").exists()

    def test_outcome_counts(self, tmp_path: Path) -> None:
        pool = FakePool()
        outcome = run(tmp_path, pool, population=30)
        records = [record_of(task) for task in pool.tasks if not task.detailed]
        assert outcome.evaluations == len(records)
        assert outcome.cached == 4 * 30 - len(records)
        assert outcome.failed == sum(record.failure is not None for record in records) > 0
        assert outcome.infeasible == {"silent": sum(bool(record.violations) for record in records)}
        assert outcome.infeasible["silent"] > 0

    def test_watchers_are_told(self, tmp_path: Path) -> None:
        notes = Notes()
        outcome = run(tmp_path, watcher=notes)
        assert len(notes.scores) == 4 * 8
        assert sum(cached for _, cached, _ in notes.scores) == outcome.cached
        assert not any(replayed for _, _, replayed in notes.scores)
        assert [g.number for g in notes.generations] == [0, 1, 2, 3]
        assert {g.of for g in notes.generations} == {3}
        assert sum(g.evaluated for g in notes.generations) == outcome.evaluations
        assert notes.finals == [(n, 6) for n in range(1, 7)]
        first = notes.generations[0]
        records = [record for record, _, _ in notes.scores[:8]]
        values = sorted(v for r in records if r.feasible and (v := r.values["bie"]) is not None)
        assert (first.best, first.feasible) == (values[0], sum(r.feasible for r in records))
        assert first.infeasible == Counter(reason for r in records for reason in r.reasons)
        middle = len(values) // 2
        assert first.median == (
            values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
        )

    def test_timings_lie_beside(self, tmp_path: Path) -> None:
        pool = FakePool(seconds=0.25)
        run(tmp_path, pool)
        found = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_bytes().splitlines()]
        assert [(t["hash"], t["seed"], t["kind"] == "finalist") for t in found] == pool.keys
        assert {t["seconds"] for t in found} == {0.25}

    def test_speed_does_not_show(self, tmp_path: Path) -> None:
        run(tmp_path / "slow", FakePool(seconds=9.0))
        run(tmp_path / "wide", FakePool(seconds=0.1, ahead=5))
        assert files(tmp_path / "slow") == files(tmp_path / "wide")

    def test_objectives_that_train_are_trained(self, tmp_path: Path) -> None:
        pool = FakePool()
        run(tmp_path / "a", pool, objectives=(ACCURACY,))
        assert all(task.trained for task in pool.tasks)
        pool = FakePool()
        run(tmp_path / "b", pool, check_accuracy=True)
        assert [task.trained for task in pool.tasks if task.detailed] == [True, False] * 3
        assert not any(task.trained for task in pool.tasks if not task.detailed)


class TestFront:
    def test_holds_what_no_network_beats(self, tmp_path: Path) -> None:
        outcome = run(tmp_path, **SEVERAL)
        found = read_history(tmp_path)
        networks = [Scored(genome(0), e.record) for e in found.evaluations]
        expected = [one.record.hash for one in non_dominated(networks, (BIE, SYNOPS))]
        assert found.end is not None
        assert found.end["front"] == expected
        assert len(expected) > 1
        written = sorted((tmp_path / "front").iterdir())
        assert [path.name for path in written] == [
            f"{i:02}-{name[:12]}.json" for i, name in enumerate(expected, start=1)
        ]
        assert tuple(load_genome(path) for path in written) == outcome.front

    def test_is_put_right_on_resuming(self, tmp_path: Path) -> None:
        run(tmp_path, **SEVERAL)
        before = files(tmp_path)
        for path in (tmp_path / "best.json", next((tmp_path / "front").iterdir())):
            path.unlink()
        (tmp_path / "front" / "77-0123456789ab.json").write_bytes(b"old")
        (tmp_path / "front" / "mine.json").write_bytes(b"mine")
        run(tmp_path, resume=True, **SEVERAL)
        assert files(tmp_path) == before | {"front/mine.json": b"mine"}


class TestStopped:
    @pytest.mark.parametrize(
        ("several", "ahead", "every"),
        [({}, 1, 1), ({}, 3, 3), (SEVERAL, 1, 3)],
        ids=["one", "three ahead", "several objectives"],
    )
    def test_after_any_evaluation_and_resumed(
        self, tmp_path: Path, several: dict[str, Any], ahead: int, every: int
    ) -> None:
        undisturbed = FakePool()
        run(tmp_path / "whole", undisturbed, **several)
        whole = files(tmp_path / "whole")
        for after in range(0, len(undisturbed.tasks) + 2, every):
            folder = tmp_path / str(after)
            pool = FakePool(ahead=ahead)
            if stopped(folder, pool, after, **several) is None:
                assert files(folder) != whole
                assert len(pool.tasks) == after
                stopped(folder, pool, 10**9, resume=True, **several)
            assert files(folder) == whole
            assert pool.keys == undisturbed.keys

    def test_after_every_single_evaluation(self, tmp_path: Path) -> None:
        undisturbed, pool = FakePool(), FakePool()
        outcome = run(tmp_path / "whole", undisturbed)
        run_times = 1
        found = stopped(tmp_path / "run", pool, 1)
        while found is None and run_times < 100:
            run_times += 1
            found = stopped(tmp_path / "run", pool, len(pool.tasks) + 1, resume=True)
        assert run_times == len(undisturbed.tasks)
        assert files(tmp_path / "run") == files(tmp_path / "whole")
        assert pool.keys == undisturbed.keys
        assert found == outcome

    def test_before_anything_is_begun(self, tmp_path: Path) -> None:
        assert stopped(tmp_path / "run", FakePool(), 0) is None
        assert [line["kind"] for line in lines(tmp_path / "run")] == ["search"]
        assert set(files(tmp_path / "run")) == {"history.jsonl"}

    def test_ends_as_an_interrupt(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", stop=lambda: True)

    def test_by_a_pool_that_ends(self, tmp_path: Path) -> None:
        class Tired(FakePool):
            def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Done]:
                return super().run(tasks[:-1], stop)

        with pytest.raises(SearchInterrupted):
            run(tmp_path / "run", Tired())
        run(tmp_path / "whole")
        run(tmp_path / "run", resume=True)
        assert files(tmp_path / "run") == files(tmp_path / "whole")

    def test_leaves_the_best_of_what_was_finished(self, tmp_path: Path) -> None:
        total = FakePool()
        run(tmp_path / "whole", total)
        bests: list[str] = []
        for after in range(1, len(total.tasks), 2):
            folder = tmp_path / str(after)
            stopped(folder, FakePool(), after)
            networks = [Scored(genome(0), e.record) for e in read_history(folder).evaluations]
            order = [one.record.hash for one in ranked(networks, (BIE,))]
            assert (folder / "best.json").exists() == bool(order)
            if order:
                assert best_of(folder) == order[0]
                bests.append(order[0])
        assert len(set(bests)) > 1

    def test_while_old_lines_are_replayed(self, tmp_path: Path) -> None:
        """What is stored knows better networks than what was replayed: best.json is left as it is."""
        calls = 0

        def soon() -> bool:
            nonlocal calls
            calls += 1
            return calls > 20  # a stop in generation 1

        run(tmp_path, seed=2)
        first = [e for e in read_history(tmp_path).evaluations if e.generation == 0]
        leader = ranked([Scored(genome(0), e.record) for e in first], (BIE,))[0]
        assert leader.record.hash != best_of(tmp_path)
        before = files(tmp_path)
        with pytest.raises(SearchInterrupted):
            run(tmp_path, stop=soon, resume=True, seed=2)
        assert files(tmp_path) == before


class TestResumed:
    def test_finished_search_is_not_run_again(self, tmp_path: Path) -> None:
        outcome = run(tmp_path)
        before, pool, notes = files(tmp_path), FakePool(), Notes()
        assert run(tmp_path, pool, notes, resume=True) == outcome
        assert pool.tasks == []
        assert files(tmp_path) == before
        assert sum(replayed for _, _, replayed in notes.scores) == outcome.evaluations
        assert notes.notes == []

    def test_after_any_line(self, tmp_path: Path) -> None:
        undisturbed = FakePool()
        run(tmp_path / "whole", undisturbed)
        whole = files(tmp_path / "whole")
        stored = whole["history.jsonl"].splitlines(keepends=True)
        (tmp_path / "run").mkdir()
        for count in range(len(stored)):
            for path in (tmp_path / "run").iterdir():
                path.unlink()
            (tmp_path / "run" / "history.jsonl").write_bytes(b"".join(stored[:count]))
            pool = FakePool()
            run(tmp_path / "run", pool, resume=True)
            assert files(tmp_path / "run") == whole
            scores = [line for line in stored[:count] if b'"record"' in line]
            assert len(pool.tasks) == len(undisturbed.tasks) - len(scores)

    def test_value_that_was_edited_is_found_out(self, tmp_path: Path) -> None:
        """A record is taken as it stands; what follows from it is then another line than the stored one."""
        run(tmp_path)
        feasible = [e for e in read_history(tmp_path).evaluations if e.record.feasible]
        worst = max(feasible, key=lambda e: e.record.values["bie"] or 0.0)
        path = tmp_path / "history.jsonl"
        edited = path.read_bytes().splitlines(keepends=True)
        place = next(i for i, line in enumerate(edited) if worst.record.hash.encode() in line)
        value = worst.record.values["bie"]
        edited[place] = edited[place].replace(f'"bie":{value}'.encode(), b'"bie":-5.0')
        path.write_bytes(b"".join(edited))
        with pytest.raises(HistoryError, match=r"line \d+: is not the line that this search writes \(popul"):
            run(tmp_path, resume=True)

    def test_value_that_was_removed_is_found_out(self, tmp_path: Path) -> None:
        run(tmp_path)
        path = tmp_path / "history.jsonl"
        stored = path.read_bytes()
        found = next(e.record for e in read_history(tmp_path).evaluations if e.record.feasible)
        path.write_bytes(stored.replace(f'"bie":{found.values["bie"]},'.encode(), b"", 1))
        with pytest.raises(HistoryError, match=r"is not the line that this search writes \(record.values"):
            run(tmp_path, resume=True)

    def test_genes_that_were_edited_are_found_out(self, tmp_path: Path) -> None:
        run(tmp_path)
        path = tmp_path / "history.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"cell":[[0,', b'"cell":[[1,', 1))
        with pytest.raises(HistoryError, match=r"line 2: is not the line .*\(genes.cell was \[\[1, "):
            run(tmp_path, resume=True)

    def test_other_settings_are_refused(self, tmp_path: Path) -> None:
        run(tmp_path)
        before = files(tmp_path)
        with pytest.raises(MscError) as caught:
            run(tmp_path, resume=True, population=30, seed=9)
        assert [problem.where for problem in caught.value.problems] == ["--population", "--seed"]
        assert files(tmp_path) == before

    @pytest.mark.parametrize("name", ["evolve", "random"])
    def test_with_the_strategies_there_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        fake_pool.install(monkeypatch.setattr, find_strategy(name))
        undisturbed = FakePool()
        options = {"strategy": name, **SEVERAL}
        outcome = run(tmp_path / "whole", undisturbed, **options)
        assert outcome.best is not None
        for after in range(0, len(undisturbed.tasks), 4):
            pool = FakePool()
            assert stopped(tmp_path / str(after), pool, after, **options) is None
            assert stopped(tmp_path / str(after), pool, 10**9, resume=True, **options) == outcome
            assert files(tmp_path / str(after)) == files(tmp_path / "whole")
            assert pool.keys == undisturbed.keys


class TestNobodyWins:
    @pytest.mark.parametrize("several", [{}, SEVERAL], ids=["one", "several"])
    @pytest.mark.parametrize("why", ["infeasible", "failed", "none"])
    def test_where_nothing_is_feasible(self, tmp_path: Path, why: str, several: dict[str, Any]) -> None:
        def hopeless(task: Task) -> Record:
            name = hash_of(task.genome)
            if why == "failed":
                return Record(name, task.seed, failure="it overflowed")
            violations = (Violation("silent", 0.5, "stem"),) if why == "infeasible" else ()
            values = {"bie": None if why == "none" else 1.0, "synops": 1.0}
            return Record(name, task.seed, values, violations=violations)

        notes = Notes()
        outcome = run(tmp_path, FakePool(hopeless), notes, **several)
        assert (outcome.best, outcome.record, outcome.front) == (None, None, ())
        assert lines(tmp_path)[-1] == {"kind": "end", "best": None, "front": []}
        assert not (tmp_path / "best.json").exists()
        assert [(g.best, g.median) for g in notes.generations] == [(None, None)] * 4
        assert notes.finals == []

    def test_where_nothing_is_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Empty(FakeStrategy):
            def start(self, problem: object) -> Any:
                return self

            def ask(self) -> list[object]:
                return []

        fake_pool.install(monkeypatch.setattr, Empty())
        outcome = run(tmp_path)
        assert (outcome.best, outcome.evaluations) == (None, 0)
        assert [line["kind"] for line in lines(tmp_path)] == ["search", "end"]


class TestEnds:
    def test_where_the_space_is_exhausted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Short(fake_pool.FakeSearch):
            def ask(self) -> list[Any]:
                return super().ask() if len(self._asked) < 16 else []

        class Exhausted(FakeStrategy):
            def start(self, problem: Any) -> Short:
                return Short(problem, self.genomes)

        fake_pool.install(monkeypatch.setattr, Exhausted())
        outcome = run(tmp_path)
        assert outcome.best is not None
        assert len(read_history(tmp_path).generations) == 2

    @pytest.mark.parametrize(
        "counts", [{"finalists": 0}, {"weight_seeds": 0}, {"finalists": 100, "weight_seeds": 1}]
    )
    def test_with_few_or_many_finalists(self, tmp_path: Path, counts: dict[str, Any]) -> None:
        pool = FakePool()
        outcome = run(tmp_path, pool, **counts)
        found = read_history(tmp_path)
        networks = [Scored(genome(0), e.record) for e in found.evaluations]
        order = [one.record.hash for one in ranked(networks, (BIE,))]
        assert outcome.record is not None
        assert outcome.record.hash == order[0]
        expected = order if counts.get("finalists") == 100 else []
        assert [f.record.hash for f in found.finalists] == expected

    def test_at_a_bug_in_an_evaluation(self, tmp_path: Path) -> None:
        def buggy(task: Task) -> Record:
            if len(pool.tasks) == 12:
                raise IndexError("a bug")
            return record_of(task)

        pool = FakePool(buggy)
        with pytest.raises(IndexError, match="a bug"):
            run(tmp_path / "run", pool)
        assert len(read_history(tmp_path / "run").evaluations) == 11
        run(tmp_path / "whole")
        run(tmp_path / "run", resume=True)
        assert files(tmp_path / "run") == files(tmp_path / "whole")

    def test_at_a_pool_that_mixes_up_its_records(self, tmp_path: Path) -> None:
        other = record_of(Task(genome(3), 1))
        with pytest.raises(RuntimeError, match="a pool gave the record of"):
            run(tmp_path, FakePool(lambda task: other), seed=3)

    @pytest.mark.parametrize("each", ["write", "fsync"])
    def test_on_a_full_disk_and_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: str
    ) -> None:
        """The disk is full at every fifth step of writing; each time some space is freed."""
        run(tmp_path / "whole")
        real, left = getattr(os, each), 0

        def refuse(descriptor: int, *data: bytes) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, *data)

        monkeypatch.setattr(linefile.os, each, refuse)
        told: list[str] = []
        while len(told) < 100 and (not told or told[-1]):
            left = 5
            try:
                run(tmp_path / "run", resume=bool(told))
                told.append("")
            except FileError as error:
                told.append(str(error))
        assert 4 < len(told) < 100
        assert all("(no space left on device); free some space" in text for text in told[:-1])
        assert all(text.endswith("add --resume to go on") for text in told[:-1])
        assert files(tmp_path / "run") == files(tmp_path / "whole")
