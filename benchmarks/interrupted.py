"""Kills a real search at random moments and resumes it until it ends; the files must not show it.

    python benchmarks/interrupted.py --kills 20

Compares history.jsonl and best.json, byte for byte, of an undisturbed search with those of one that is killed
with `kill -9` again and again, and with searches on 2 and 4 processes and on Ray, one of whose workers is
killed. The last line is JSON; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

MSC = str(Path(sys.executable).with_name("msc"))
OPTIONS = ["--data", "digits", "--channels", "8", "--layers", "3"]
OPTIONS += ["--population", "8", "--generations", "5", "--finalists", "3"]


def start(run: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a search in a session of its own, silently."""
    command = [MSC, "search", *options, "-o", str(run)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def finished(run: Path, *options: str) -> None:
    """Run a search to its end."""
    code = start(run, *options).wait()
    if code:
        raise SystemExit(f"msc search {' '.join(options)} -o {run}: exit code {code}")


def files(run: Path) -> tuple[bytes, bytes]:
    """Read what must be the same."""
    return (run / "history.jsonl").read_bytes(), (run / "best.json").read_bytes()


def killed(run: Path, kills: int, seconds: float, rng: random.Random) -> dict[str, int]:
    """Kill a search at random moments until it was hit `kills` times while it ran; resume it each time.

    A search that ends before it is hit is started again in another folder, so that all moments are met.
    """
    hits, runs = 0, 0
    while True:
        folder = run.with_name(f"{run.name}-{runs}")
        while True:
            begun = (folder / "history.jsonl").exists()
            process = start(folder, *(["--resume"] if begun and has_header(folder) else begin(folder)))
            try:
                process.wait(rng.uniform(0.3, seconds) if hits < kills else None)
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                hits += 1
        runs += 1
        if hits >= kills:
            return {"kills": hits, "searches": runs}


def has_header(folder: Path) -> bool:
    """Whether the first line was written, which holds the options."""
    return b"\n" in (folder / "history.jsonl").read_bytes()


def begin(folder: Path) -> list[str]:
    """Options of a search that begins, or begins anew in the folder that a killed one left."""
    return [*OPTIONS, *(["--resume"] if folder.exists() else [])]


def ray_worker_killed(run: Path) -> bool:
    """Search on Ray and kill one of its workers in the middle; says whether there was one to kill."""
    process = start(run, *OPTIONS, "--ray", "local", "--workers", "2")
    hit = False
    while process.poll() is None:
        history = run / "history.jsonl"
        if not hit and history.exists() and history.read_bytes().count(b"\n") > 10:
            found = subprocess.run(["pgrep", "-f", "ray::evaluate_timed"], capture_output=True, text=True)
            for worker in found.stdout.split()[:1]:
                os.kill(int(worker), signal.SIGKILL)
                hit = True
        time.sleep(0.05)
    return hit and process.returncode == 0


def main() -> int:
    """Run all comparisons; returns 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found: dict[str, object] = {
        "benchmark": "interrupted",
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "torch", "numpy", "pymoo")},
        "options": " ".join(OPTIONS),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        finished(folder / "whole", *OPTIONS)
        seconds = time.perf_counter() - begun
        whole = files(folder / "whole")
        found |= killed(folder / "killed", given.kills, seconds, random.Random(given.seed))
        found["same_after_kills"] = all(files(run) == whole for run in folder.glob("killed-*"))
        for workers in ("2", "4"):
            finished(folder / f"workers{workers}", *OPTIONS, "--workers", workers)
            found[f"same_with_{workers}_workers"] = files(folder / f"workers{workers}") == whole
        if find_spec("ray") is not None:
            found["ray_worker_killed"] = ray_worker_killed(folder / "ray")
            found["same_on_ray"] = files(folder / "ray") == whole
    print(json.dumps(found))
    return 0 if all(value for value in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
