"""A run on Lava ends in time and leaves no process, shared memory or file, whatever the script does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from msc.backends.lava import processes, runner
from msc.backends.lava.runner import run_on_lava, time_limit
from msc.backends.simulators.contracts import CannotRunError
from tests.fixed_networks import STRUCTURES

INPUTS = np.zeros((2, 1, 4, 4), np.float32)
LIMIT_SECONDS = 120.0  # never reached where a script ends
OPENING = """
import os, pathlib, signal, subprocess, sys, time
import numpy as np
prefix = sys.argv[sys.argv.index("--shared-memory-prefix") + 1]
shared = pathlib.Path("/dev/shm", prefix + "_1")
def hang():
    while True:
        time.sleep(60)
def answer(**arrays):
    np.savez(sys.argv[sys.argv.index("-o") + 1], **arrays)
spikes = np.ones((3, 2, 5), np.uint8)
"""
IN_ITS_OWN_SESSION = (
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)"
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of temporary files of planted scripts, which are called by names that no other run has."""
    monkeypatch.setattr(runner, "find_interpreter", lambda: Path(sys.executable))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(processes, "new_token", lambda: token(tmp_path))
    monkeypatch.setattr(processes, "_LONGEST_PLACE", 1000)
    yield tmp_path
    assert not left(tmp_path)


def token(folder: Path) -> str:
    return sha256(str(folder).encode()).hexdigest()[:16]


def left(folder: Path) -> list[str]:
    """What is left of the runs in a folder: files there, segments, processes."""
    found = [str(path) for path in folder.iterdir()]
    found += [str(path) for path in Path("/dev/shm").glob(f"msc{token(folder)}*")]
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"MSC_SUPERVISED_RUN={token(folder)}".encode() in path.read_bytes():
                found.append(str(path))
    return found


def planted(body: str, seconds: float = LIMIT_SECONDS) -> dict[str, np.ndarray]:
    return run_on_lava({"run_lava.py": (OPENING + body).encode()}, INPUTS, 3, seconds=seconds)


def test_what_the_script_wrote_comes_back() -> None:
    found = planted("answer(head=spikes, output=spikes)\n" + IN_ITS_OWN_SESSION + "\nshared.touch()")
    assert set(found) == {"head", "output"}
    np.testing.assert_array_equal(found["head"], np.ones((3, 2, 5)))


def test_the_script_is_called_as_agreed() -> None:
    body = """
given = np.load(sys.argv[1])
wanted = ["-o", "--machine", "--timesteps", "3", "--shared-memory-prefix"]
assert all(word in sys.argv for word in wanted), sys.argv
assert given.dtype == np.float32 and given.shape == (2, 1, 4, 4)
assert sorted(os.listdir(os.path.dirname(__file__))) == ["run_lava.py", "weights.npz"]
answer(**{"a": spikes, "a/voltage": np.zeros((2, 5), np.int32)})
"""
    files = {"run_lava.py": (OPENING + body).encode(), "weights.npz": b"0"}
    found = run_on_lava(files, INPUTS, 3, machine=True, seconds=LIMIT_SECONDS)
    assert set(found) == {"a", "a/voltage"}


HANGS = {
    "sleeping": "hang()",
    "deaf": "for n in (signal.SIGTERM, signal.SIGINT): signal.signal(n, signal.SIG_IGN)\nhang()",
    "with a child in a session of its own": IN_ITS_OWN_SESSION + "\nhang()",
    "forked into a session of its own": "if os.fork() == 0:\n    os.setsid()\n    os.fork()\nhang()",
    "holding shared memory": "shared.write_bytes(bytes(1000))\nhang()",
    "writing without end": "while True:\n    print('x' * 1000, flush=True)\n    time.sleep(0.001)",
}


@pytest.mark.parametrize("kind", HANGS)
def test_a_script_that_hangs_is_stopped(kind: str) -> None:
    with pytest.raises(CannotRunError) as refusal:
        planted(HANGS[kind], seconds=1)
    told = "lava: gave no answer within 1 s and was stopped; show it fewer samples or time steps"
    assert str(refusal.value) == told


ENDINGS = {
    "crash": ("raise KeyError('port')", "its process ended with code 1 (its last words: KeyError: 'port')"),
    "crash holding shared memory": ("shared.touch()\nraise SystemExit(3)", "its process ended with code 3"),
    "killed": ("os.kill(os.getpid(), 9)", "its process was ended by SIGKILL (its last words: nothing)"),
    "leaving a child behind": (IN_ITS_OWN_SESSION + "\nraise SystemExit(4)", "its process ended with code 4"),
    "refusal": ("print('w.npz: was changed', file=sys.stderr); sys.exit(2)", "lava: w.npz: was changed; "),
    "silence": ("", "wrote no output that can be read (No such file or directory)"),
    "garbage": ("open('out.npz', 'w').write('spikes')", "wrote no output that can be read ("),
    "objects": ("answer(output=np.array([{}]))", "wrote no output that can be read ("),
    "no output": ("answer(head=spikes)", "wrote no array output"),
    "floats": ("answer(output=spikes.astype(float))", "its output is float64, not uint8"),
    "flat": ("answer(output=spikes[0])", "its output has shape [2, 5]"),
    "twos": ("answer(output=2 * spikes)", "its output holds values that are no spikes"),
    "uneven": ("answer(output=spikes, a=spikes[1:])", "its populations differ in steps or samples"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_script_that_ends_badly_is_told(kind: str) -> None:
    body, text = ENDINGS[kind]
    with pytest.raises(CannotRunError) as refusal:
        planted(body)
    assert text in str(refusal.value)
    assert all(problem.where == "lava" for problem in refusal.value.problems)


def test_an_interpreter_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_interpreter", lambda: Path("/nowhere/python"))
    with pytest.raises(
        CannotRunError, match=r"cannot be run with /nowhere/python \(no such file or directory\)"
    ):
        planted("")


CALLER = """
import sys
from pathlib import Path
import numpy as np
from msc.backends.lava import processes, runner
runner.find_interpreter = lambda: Path(sys.executable)
processes.new_token = lambda: {token!r}
processes._LONGEST_PLACE = 1000
try:
    runner.run_on_lava({{"run_lava.py": {script!r}}}, np.zeros((2, 1, 4, 4)), 3, seconds=120)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_where_the_caller_is_ended(folder: Path, number: signal.Signals) -> None:
    """By Ctrl-C it cleans up itself; where it has no chance to, the guard does."""
    body = OPENING + "shared.touch()\n" + IN_ITS_OWN_SESSION + "\nprint('here', flush=True)\nhang()"
    code = CALLER.format(token=token(folder), script=body.encode())
    caller = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(folder)})
    wait_for(lambda: any("here" in path.read_text() for path in folder.glob("*/stdout.log")))
    assert len(left(folder)) >= 4  # its folder, its segment, the script and that one's child
    caller.send_signal(number)
    assert caller.wait(60) == (130 if number == signal.SIGINT else -number)
    wait_for(lambda: not left(folder))


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.05)


def test_sockets_have_short_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lava opens sockets among temporary files; where these have long names it would not start."""
    monkeypatch.setattr(processes, "_LONGEST_PLACE", len(str(folder)))
    with processes.supervised() as run:
        assert run.folder.parent == folder
    monkeypatch.setattr(processes, "_LONGEST_PLACE", len(str(folder)) - 1)
    with processes.supervised() as run:
        assert run.folder.parent == Path("/tmp")


def test_the_time_limit_grows_with_the_work() -> None:
    network = STRUCTURES["everything"]
    least = time_limit(network, 1, 1)
    assert 120 < least < time_limit(network, 1000, 1) < time_limit(network, 1000, 50)
    assert time_limit(network, 40, 1) < 300
