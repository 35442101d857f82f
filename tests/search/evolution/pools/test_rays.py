"""Tests of the pool on Ray: the same results as everywhere, whatever dies meanwhile."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from msc.search.canonical import genome_hash
from msc.search.evolution.pools import PoolError
from msc.search.evolution.pools.rays import RayPool
from msc.search.scoring.records import Record
from tests.architecture.modules import ROOT
from tests.requires import require
from tests.search.evolution.pools.evaluators import (
    Buggy,
    Deadly,
    KilledOnce,
    Steady,
    Threads,
    Waiting,
    after,
    genome,
    jobs,
    never,
)
from tests.search.evolution.pools.processes_of import all_end, eventually, noted


@dataclass(frozen=True)
class Cluster:
    """A cluster of two nodes of one CPU each, on this machine."""

    address: str
    for_clients: str
    second: subprocess.Popen[bytes]


pytestmark = pytest.mark.xdist_group("ray")  # one cluster, in one worker of the tests


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    require("ray", '"msc-snn[ray]"')
    folder = tempfile.mkdtemp(prefix="msc-ray-", dir="/tmp")
    port, client_port = _free_port(), _free_port()
    ports = (f"--port={port}", f"--ray-client-server-port={client_port}")
    head = _node(folder, "--head", *ports, f"--temp-dir={folder}", "--include-dashboard=false")
    second = None
    try:
        assert eventually(lambda: _answers(port) and _answers(client_port))
        second = _node(folder, f"--address=127.0.0.1:{port}")
        yield Cluster(f"127.0.0.1:{port}", f"ray://127.0.0.1:{client_port}", second)
    finally:
        for node in (second, head):
            if node is not None:
                _kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def _node(home: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *options]
    environment = {
        **os.environ,
        "HOME": home,
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_prestart_worker_first_driver": "0",
        "PYTHONPATH": str(ROOT),
    }
    with open(os.devnull, "wb") as nowhere:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere, start_new_session=True
        )


def _kill(node: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a node at once."""
    if node.poll() is not None:
        return
    os.killpg(node.pid, signal.SIGKILL)
    node.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as talk:
        return talk.connect_ex(("127.0.0.1", port)) == 0


def test_results_are_those_of_one_process(
    cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Workers killed in the midst of them change nothing, and nothing is printed about them."""
    handler = signal.getsignal(signal.SIGTERM)
    before = dict(os.environ)
    with RayPool(KilledOnce(tmp_path, (0, 5)), cluster.address) as pool:
        results = list(pool.run(jobs(12), never))
        assert [done.record for done in results] == [Steady()(job) for job in jobs(12)]
        assert all(done.seconds > 0 for done in results)
        assert [done.record.seed for done in pool.run(jobs(9), after(4))] == [0, 1, 2, 3]
    assert len(list(tmp_path.glob("seen-*"))) == 2
    assert capfd.readouterr().out == ""
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == (handler, before)


def test_a_machine_outside_of_the_cluster_can_use_it(cluster: Cluster) -> None:
    """Ray gives a client's server 30 seconds to start, which a busy machine may miss: then once more."""
    for last in (False, True):
        try:
            with RayPool(Steady(), cluster.for_clients) as pool:
                results = [done.record for done in pool.run(jobs(5), never)]
            break
        except PoolError as error:
            if last or "Starting Ray client server failed" not in str(error):
                raise
    assert results == [Steady()(job) for job in jobs(5)]


def test_a_task_that_ends_every_worker_is_given_up(cluster: Cluster, tmp_path: Path) -> None:
    finished: list[int] = []
    with RayPool(Deadly(tmp_path, 2), cluster.address, 1) as pool, pytest.raises(PoolError) as caught:
        finished.extend(done.record.seed for done in pool.run(jobs(9), never))
    assert finished == [0, 1]
    assert str(caught.value) == (
        f"genome {genome_hash(genome())[:12]} under weight seed 2: evaluating it ended 3 workers one after "
        "the other, the last with Ray's WorkerCrashedError; where memory ran out, search with fewer "
        "--channels, a smaller --batch or fewer --workers"
    )
    assert (tmp_path / "tries").read_text() == "tried\n" * 3


def test_a_bug_is_raised_as_itself_with_the_workers_traceback(cluster: Cluster) -> None:
    with RayPool(Buggy(1), cluster.address) as pool, pytest.raises(ZeroDivisionError) as caught:
        list(pool.run(jobs(9), never))
    assert type(caught.value) is ZeroDivisionError
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(r"in a worker process:\n.*in _divide\n.*task.seed // 0", shown, re.DOTALL)


def test_machines_without_msc_are_named_as_the_cause(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "only_here.py").write_text("class Here:\n    pass\n")
    monkeypatch.syspath_prepend(str(folder))
    here = importlib.import_module("only_here").Here()
    with RayPool(here, cluster.address) as pool, pytest.raises(PoolError) as caught:
        list(pool.run(jobs(1), never))
    assert str(caught.value) == (
        f"--ray {cluster.address}: a worker cannot read its task: System error: No module named 'only_here'; "
        "install the same msc-snn on every machine of the cluster"
    )


def test_tasks_in_hand_are_dropped_with_the_context(cluster: Cluster, tmp_path: Path) -> None:
    def interrupt() -> None:
        with RayPool(Waiting(tmp_path), cluster.address, 2) as pool:
            results = pool.run(jobs(4), never)
            with _interrupted_once(lambda: len(noted(tmp_path)) == 2):
                next(results)

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert all_end(noted(tmp_path))


@contextmanager
def _interrupted_once(condition: Callable[[], bool]) -> Iterator[None]:
    """Send this process a SIGINT as soon as a condition holds."""

    def watch() -> None:
        if eventually(condition):
            os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        watcher.join()


def test_tasks_lost_with_their_machine_are_done_again(cluster: Cluster, tmp_path: Path) -> None:
    """The last test of the cluster, as it loses a node."""
    with RayPool(Waiting(tmp_path), cluster.address, 2) as pool:
        results = pool.run(jobs(4), never)
        with ThreadPoolExecutor() as background:
            killed = background.submit(_kill_when_busy, cluster.second, tmp_path)
            assert [done.record for done in results] == [Record(str(seed), seed) for seed in range(4)]
    assert killed.result()


def _kill_when_busy(node: subprocess.Popen[bytes], folder: Path) -> bool:
    """Kill a node while two tasks are in hand, then let the other go on."""
    busy = eventually(lambda: len(noted(folder)) == 2)
    _kill(node)
    (folder / "go").touch()
    return busy


def test_a_cluster_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a Ray that only pretends: a real one ends this process itself, after a minute."""
    ray = require("ray", '"msc-snn[ray]"')

    def lost(*arguments: object, **options: object) -> None:
        raise ConnectionError("Client is\nshutting down.")

    monkeypatch.setattr("msc.search.evolution.pools.rays.connected", lambda address, cpus: nullcontext())
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "remote", lambda function: MagicMock())
    monkeypatch.setattr(ray, "cluster_resources", dict)
    for name in ("wait", "cancel"):
        monkeypatch.setattr(ray, name, lost)
    with RayPool(Steady(), "ray://head:10001") as pool, pytest.raises(PoolError) as caught:
        list(pool.run(jobs(3), never))
    assert str(caught.value) == (
        "--ray ray://head:10001: the cluster was lost: Client is shutting down.; go on with --resume"
    )


def test_a_local_ray_has_workers_of_one_thread_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require("ray", '"msc-snn[ray]"')
    for name, value in {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "OMP_NUM_THREADS": "3"}.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory(prefix="msc-", dir="/tmp") as folder:  # short, and nobody else's
        monkeypatch.setattr(tempfile, "tempdir", folder)
        before = dict(os.environ)
        with RayPool(Threads(), "local", 1) as pool:
            assert list(Path(folder).glob("msc-ray-*"))
            results = [done.record for done in pool.run(jobs(2), never)]
        assert list(Path(folder).iterdir()) == []
    assert [r.values for r in results] == [{"torch": 1, "OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1}] * 2
    assert all_end(int(record.hash) for record in results)
    assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == []
