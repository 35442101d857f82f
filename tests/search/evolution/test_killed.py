"""A search that is killed loses nothing: resumed, it ends with the same bytes as one that was not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.architecture.modules import ROOT
from tests.cli.calling import environment

KILLS = 20

# Every attempt is a process of its own: a fork of this one, which has imported everything.
BEGIN = """
import json, os, random, signal, sys, time
from pathlib import Path
from msc.ir.files import FileError
from tests.search.evolution import fake_pool
from tests.search.evolution.fake_pool import FakePool, files, record_of, run
fake_pool.install(setattr)
options = json.loads(sys.argv[1])
run(Path("whole"), **options)
whole = files(Path("whole"))

def attempt(folder, pool):
    "Search in a new process, resuming what is there; returns its process id."
    process = os.fork()
    if process:
        return process
    run(folder, pool(), resume=folder.exists(), **options)
    os._exit(0)

def size(path):
    return path.stat().st_size if path.exists() else 0
"""

KILLED_AT_RANDOM = """
def slow(task):
    time.sleep(0.004)
    return record_of(task)

def end(folder):
    "Resume a search and let it end; says whether its files are those of the undisturbed one."
    status = os.waitpid(attempt(folder, lambda: FakePool(slow)), 0)[1]
    return status == 0 and files(folder) == whole

rng, total, refused, killed, same = random.Random(5), len(whole["history.jsonl"]), 0, 0, []
while killed < KILLS:
    folder = Path(f"run{len(same)}")
    history = folder / "history.jsonl"
    begun_at = size(history)
    # The moment lies some lines ahead, or between the lines that are replayed.
    target = begun_at + rng.randrange(-total // 40, total // 10)
    process = attempt(folder, lambda: FakePool(slow))
    ended = 0
    while size(history) < target and not ended:
        ended, status = os.waitpid(process, os.WNOHANG)
        time.sleep(0.0005)
    time.sleep(rng.random() * 0.01)
    if not ended:
        if size(history) > begun_at:  # it writes, so it holds the folder
            try:
                run(folder, resume=True, **options)
            except FileError as error:
                refused += "another search is writing here" in str(error)
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
    killed += status == signal.SIGKILL
    if status != signal.SIGKILL:
        same.append(end(folder))
same.append(end(folder))
print(json.dumps({"same": same, "killed": killed, "refused": refused}))
"""

KILLED_AT_EVERY_STEP = """
STEPS = ("open", "write", "fsync", "ftruncate", "mkdir", "replace", "unlink", "rename")
real = {step: getattr(os, step) for step in STEPS}

def dying(last):
    "Let the process die at its `last` step; of a write, half is done."
    left = last
    def install():
        def wrap(step):
            def wrapped(*arguments, **keywords):
                nonlocal left
                left -= 1
                if left < 0:
                    if step == "write":
                        real["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return real[step](*arguments, **keywords)
            return wrapped
        for step in STEPS:
            setattr(os, step, wrap(step))
        return FakePool()
    return install

different, half, last = [], 0, 0
while True:
    folder = Path(f"run{last}")
    status = os.waitpid(attempt(folder, dying(last)), 0)[1]
    if status == 0:
        break
    assert status == signal.SIGKILL, status
    history = folder / "history.jsonl"
    half += size(history) > 0 and not history.read_bytes().endswith(b"\\n")
    run(folder, resume=folder.exists(), **options)
    if files(folder) != whole:
        different.append(last)
    last += 1
print(json.dumps({"different": different, "steps": last, "half": half}))
"""


def outcome(script: str, folder: Path, **options: Any) -> dict[str, Any]:
    """Run a script in a process of its own, which answers in JSON."""
    code = f"KILLS = {KILLS}\n{BEGIN}{script}"
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(options)],
        cwd=folder, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_at_random_moments(tmp_path: Path) -> None:
    found = outcome(KILLED_AT_RANDOM, tmp_path, population=12, generations=5)
    assert set(found["same"]) == {True}
    assert found["killed"] == KILLS
    assert found["refused"] > 0


def test_at_every_step_of_writing(tmp_path: Path) -> None:
    found = outcome(KILLED_AT_EVERY_STEP, tmp_path, population=4, generations=1, finalists=1)
    assert found["different"] == []
    assert found["steps"] > 50
    assert found["half"] > 8
