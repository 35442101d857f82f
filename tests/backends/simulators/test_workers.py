"""Workers outlive chatter and refusals, are restarted after hangs and crashes, and leave no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.backends.simulators.workers import Workers
from msc.ir.neurons import LIF
from tests.backends.simulators.planted import SIMULATOR
from tests.dyadic import dyadic, run, sample_input
from tests.networks import PIXELS, conv, edge, net
from tests.requires import require

ROOT = Path(__file__).parents[3]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    require("nirtorch")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with Workers(seconds=60) as pool:
        yield pool


def file(wish: str) -> bytes:
    """A small network with a population named after what the planted simulator is to do."""
    return TARGET.emit(model(wish), {"profile": "rt"}).files[FILE_NAME]


def model(wish: str):
    ends = (edge("input", wish, conv(2)), edge(wish, "out", conv(2)))
    return dyadic(net(PIXELS, {wish: LIF(), "out": LIF()}, *ends, timesteps=3))


def frames(wish: str = "calm") -> np.ndarray:
    return sample_input(model(wish).network)[None]


def process_of(pool: Workers) -> int:
    return pool._workers["planted"]._process.pid


def test_one_process_runs_many_files_and_shows_every_population(workers: Workers) -> None:
    first = workers.run(SIMULATOR, file("calm"), frames(), 3)
    process = process_of(workers)
    second = workers.run(SIMULATOR, file("calm"), frames(), 3)
    assert process_of(workers) == process
    expected = run(model("calm"), frames()[0]).spikes
    assert set(first) == {"calm", "out"}
    for name, spikes in expected.items():
        assert first[name].dtype == np.uint8
        np.testing.assert_array_equal(first[name], spikes)
        np.testing.assert_array_equal(second[name], spikes)


@pytest.mark.parametrize(
    "name", ["file", "args", "allow_pickle", "self", "x" * 200, "if", "state", "n000001"]
)
def test_no_name_of_a_population_is_special(name: str, workers: Workers) -> None:
    """`file` is the name of numpy.savez's own first argument."""
    found = workers.run(SIMULATOR, file(name), frames(name), 3)
    np.testing.assert_array_equal(found[name], run(model(name), frames(name)[0]).spikes[name])


def test_chatter_on_stdout_is_no_reply(workers: Workers) -> None:
    spikes = workers.run(SIMULATOR, file("chatter"), frames("chatter"), 3)
    np.testing.assert_array_equal(spikes["out"], run(model("chatter"), frames("chatter")[0]).outputs)


@pytest.mark.parametrize(
    ("wish", "words"),
    [("raise", "ValueError: a message in two lines"), ("forewarned", "it said so beforehand")],
)
def test_a_refusal_is_passed_on_in_one_line_and_the_worker_stays(workers, wish, words) -> None:
    workers.run(SIMULATOR, file("calm"), frames(), 3)
    process = process_of(workers)
    with pytest.raises(CannotRunError) as caught:
        workers.run(SIMULATOR, file(wish), frames(wish), 3)
    assert [problem.what for problem in caught.value.problems] == [words]
    workers.run(SIMULATOR, file("calm"), frames(), 3)
    assert process_of(workers) == process


def test_a_crash_is_told_with_its_last_words_and_the_next_file_runs(workers: Workers) -> None:
    with pytest.raises(CannotRunError, match="its process ended with code 3; its last words: out of cheese"):
        workers.run(SIMULATOR, file("crash"), frames("crash"), 3)
    assert workers.run(SIMULATOR, file("calm"), frames(), 3)["out"].shape == (3, 3, 2, 6, 6)


def test_a_hang_is_stopped_after_the_limit_and_the_next_file_runs(workers: Workers) -> None:
    workers.run(SIMULATOR, file("calm"), frames(), 3)
    process = process_of(workers)
    workers.seconds = 1.0
    with pytest.raises(CannotRunError, match="gave no answer within 1 s and was stopped"):
        workers.run(SIMULATOR, file("hang"), frames("hang"), 3)
    assert not alive(process)
    workers.seconds = 60.0
    assert workers.run(SIMULATOR, file("calm"), frames(), 3)["out"].any()


def test_a_simulator_that_cannot_be_imported_says_so(workers: Workers) -> None:
    class Elsewhere(type(SIMULATOR)):
        pass

    Elsewhere.__module__ = "tests.backends.simulators.no_such_module"
    with pytest.raises(CannotRunError, match="last words: ModuleNotFoundError: No module named"):
        workers.run(Elsewhere(), file("calm"), frames(), 3)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the state of processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(how: signal.Signals, tmp_path: Path) -> None:
    """A hanging worker is gone soon after its parent was killed, or interrupted with Ctrl-C."""
    require("nirtorch")
    (tmp_path / "hang.nir").write_bytes(file("hang"))
    np.save(tmp_path / "frames.npy", frames("hang"))
    script = (
        "import threading, time, numpy as np\n"
        "from msc.backends.simulators.workers import Workers\n"
        "from tests.backends.simulators.planted import SIMULATOR\n"
        "def tell(pool):\n"
        "    while not pool._workers: time.sleep(0.05)\n"
        "    print(pool._workers['planted']._process.pid, flush=True)\n"
        "with Workers(seconds=600) as pool:\n"
        "    threading.Thread(target=tell, args=(pool,), daemon=True).start()\n"
        "    pool.run(SIMULATOR, open('hang.nir', 'rb').read(), np.load('frames.npy'), 3)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    wait_for(lambda: busy(worker), 90)  # it has imported everything and hangs in `load`
    parent.send_signal(how)
    assert parent.wait(30) != 0
    wait_for(lambda: not alive(worker), 30)


def busy(process: int) -> bool:
    """Whether a process has computed for some seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 4


def alive(process: int) -> bool:
    """Whether a process runs (one that has ended and waits to be collected does not)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_for(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_what_is_missing_is_named_with_the_command() -> None:
    needs = Requirements(("numpy", "no_such_simulator"), "python -m pip install no-such-simulator")
    assert needs.missing() == (
        "no_such_simulator not installed; install with: python -m pip install no-such-simulator"
    )
    assert Requirements(("numpy",), "x").missing() is None
