"""Tests of the pool of processes: what comes out, and what is left when something is killed."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from msc.search.canonical import genome_hash
from msc.search.evolution.pools import PoolError
from msc.search.evolution.pools.processes import ProcessPool
from tests.architecture.modules import ROOT
from tests.search.evolution.pools.evaluators import (
    Buggy,
    Counted,
    Deadly,
    KilledOnce,
    Steady,
    Threads,
    Unsendable,
    Waiting,
    after,
    genome,
    jobs,
    never,
)
from tests.search.evolution.pools.processes_of import all_end, eventually, noted


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_are_those_of_one_process(workers: int) -> None:
    with ProcessPool(Steady(), workers) as pool:
        first, second = list(pool.run(jobs(12), never)), list(pool.run(jobs(3), never))
    assert [done.record for done in first] == [Steady()(job) for job in jobs(12)]
    assert [done.record for done in second] == [Steady()(job) for job in jobs(3)]
    assert all(done.seconds > 0 for done in first)


def test_those_begun_are_finished_when_stopped() -> None:
    with ProcessPool(Steady(), 2) as pool:
        assert [done.record.seed for done in pool.run(jobs(9), after(4))] == [0, 1, 2, 3]
        assert [done.record.seed for done in pool.run(jobs(9), after(0))] == []


def test_no_process_is_started_without_need() -> None:
    with ProcessPool(Steady(), 4) as pool:
        assert list(pool.run([], never)) == []
        assert len(multiprocessing.active_children()) == 0
        list(pool.run(jobs(1), never))
        assert len(multiprocessing.active_children()) == 1


def test_each_process_receives_the_evaluator_once(tmp_path: Path) -> None:
    with ProcessPool(Counted(tmp_path), 2) as pool:
        list(pool.run(jobs(10), never))
    assert len((tmp_path / "unpickled").read_text().split()) == 2


def test_each_process_has_one_thread_whatever_the_caller_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with ProcessPool(Threads(), 2) as pool:
        results = [done.record for done in pool.run(jobs(2), never)]
    assert [r.values for r in results] == [{"torch": 1, "OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1}] * 2
    assert len({os.getpid(), *(int(r.hash) for r in results)}) == 3
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("3", None)


def test_a_killed_process_is_replaced_and_its_task_done_again(tmp_path: Path) -> None:
    with ProcessPool(KilledOnce(tmp_path, (0, 3, 4, 11)), 2) as pool:
        results = [done.record for done in pool.run(jobs(12), never)]
    assert results == [Steady()(job) for job in jobs(12)]
    assert len(list(tmp_path.glob("seen-*"))) == 4


def test_a_process_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    with ProcessPool(Waiting(tmp_path), 2) as pool:
        results = pool.run(jobs(4), after(3))
        with _in_the_background(tmp_path):
            assert [done.record.seed for done in results] == [0, 1, 2]
    assert len(noted(tmp_path)) == 3


@contextmanager
def _in_the_background(folder: Path) -> Iterator[None]:
    """Kill the first process that waits, and let the others go on."""
    script = (
        "import os, sys, time, pathlib\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "while not (pids := list(folder.glob('pid-*'))): time.sleep(0.01)\n"
        "os.kill(int(pids[0].name[4:]), 9)\n"
        "while len(list(folder.glob('pid-*'))) < 3: time.sleep(0.01)\n"
        "(folder / 'go').touch()\n"
    )
    killer = subprocess.Popen([sys.executable, "-c", script, str(folder)])
    try:
        yield
    finally:
        killer.kill()
        killer.wait()


def test_a_task_that_ends_every_process_is_given_up(tmp_path: Path) -> None:
    finished: list[int] = []
    with ProcessPool(Deadly(tmp_path, 2), 2) as pool, pytest.raises(PoolError) as caught:
        finished.extend(done.record.seed for done in pool.run(jobs(9), never))
    assert finished == [0, 1]
    assert str(caught.value) == (
        f"genome {genome_hash(genome())[:12]} under weight seed 2: evaluating it ended 3 workers one after "
        "the other, the last by signal 9 (Killed); where memory ran out, search with fewer --channels, "
        "a smaller --batch or fewer --workers"
    )
    assert (tmp_path / "tries").read_text() == "tried\n" * 3


def test_a_bug_is_raised_as_itself_with_the_workers_traceback() -> None:
    with ProcessPool(Buggy(1), 2) as pool, pytest.raises(ZeroDivisionError) as caught:
        list(pool.run(jobs(9), never))
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(r"in a worker process:\n *Traceback.*in _divide\n.*task.seed // 0", shown, re.DOTALL)


def test_what_cannot_be_sent_still_shows_its_traceback() -> None:
    with ProcessPool(Unsendable(), 1) as pool, pytest.raises(EOFError) as caught:
        list(pool.run(jobs(1), never))
    assert "UnsendableError: cannot be sent" in "".join(traceback.format_exception(caught.value))


def test_processes_end_with_the_context_whatever_happens(tmp_path: Path) -> None:
    def interrupt() -> None:
        with ProcessPool(Waiting(tmp_path), 2) as pool:
            results = pool.run(jobs(4), after(2))
            (tmp_path / "go").touch()
            next(results)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert all_end(noted(tmp_path))


def test_a_pool_can_be_used_again_after_a_run_was_dropped(tmp_path: Path) -> None:
    with ProcessPool(Steady(), 2) as pool:
        dropped = pool.run(jobs(9), never)
        assert next(dropped).record.seed == 0
        dropped.close()  # type: ignore[attr-defined]
        assert [done.record.seed for done in pool.run(jobs(3), never)] == [0, 1, 2]


def _program(folder: Path, evaluator: str, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.search.evolution.pools.parent", str(folder), evaluator, mode],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def _parent(folder: Path, evaluator: str, mode: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program with two workers in a process group of its own, from when both are at work."""
    program = _program(folder, evaluator, mode)
    try:
        assert eventually(lambda: len(noted(folder)) == 2)
        yield program
    finally:
        program.kill()
        program.communicate()
        assert all_end(noted(folder))


def test_an_interrupt_ends_all_processes_quietly(tmp_path: Path) -> None:
    with _parent(tmp_path, "Busy", "die") as program:
        os.killpg(program.pid, signal.SIGINT)
        assert program.communicate() == ("", "")
        assert program.returncode == 130


def test_workers_leave_an_interrupt_to_their_parent(tmp_path: Path) -> None:
    with _parent(tmp_path, "Waiting", "finish") as program:
        os.killpg(program.pid, signal.SIGINT)
        (tmp_path / "go").touch()
        assert program.communicate() == ("0\n1\n", "")
        assert program.returncode == 0


def test_a_worker_that_is_just_starting_does_so_too(tmp_path: Path) -> None:
    program = _program(tmp_path, "Counted", "itself")
    assert program.communicate() == ("0\n", "")
    assert program.returncode == 0


@pytest.mark.parametrize("evaluator", ["Waiting", "Busy"])
def test_workers_end_when_their_parent_is_killed(tmp_path: Path, evaluator: str) -> None:
    with _parent(tmp_path, evaluator, "die") as program:
        program.kill()
        assert all_end(noted(tmp_path))
        assert program.communicate() == ("", "")
