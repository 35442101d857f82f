"""Resident memory of one process over many evaluations, and of a search that keeps all their records.

    OMP_NUM_THREADS=1 python benchmarks/memory.py --json

Each evaluation scores another random genome on two batches of digits. `evaluations` calls the evaluator
alone, whose memory must be flat; `search` runs the same number through `search()` with random search,
which keeps each network's record and genome. Resident memory is read after every 100, a line is fitted
after the first fifth; flat is growth below 1 MiB per 100 evaluations. The last line is JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msc.search.data.digits import digits
from msc.search.evolution.objectives import parse_objective
from msc.search.evolution.pools.inline import InlinePool
from msc.search.evolution.searching import search
from msc.search.evolution.settings import SearchSettings
from msc.search.evolution.watching import Generation
from msc.search.generate import draw_connected, new_skeleton
from msc.search.scoring.batches import batches_hash, draw_batches
from msc.search.scoring.evaluate import Evaluator, Task
from msc.search.scoring.records import Record
from msc.search.spaces import find_space

MIB = 2**20
EVERY, FLAT = 100, 1.0
LAYERS, BATCH, BATCHES, SEED = 4, 16, 2, 0
SKELETON = new_skeleton("mse-nas", input_shape=(1, 8, 8), channels=6, layers=LAYERS, timesteps=4)


def resident() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@dataclass
class Meter:
    """Reads memory after every 100 evaluations; also a watcher that sees each record of a search."""

    counted: int = 0
    readings: list[float] = field(default_factory=list)

    def count(self) -> None:
        self.counted += 1
        if self.counted % EVERY == 0:
            gc.collect()
            self.readings.append(resident())

    def note(self, text: str) -> None:
        """Nothing to note."""

    def scored(self, record: Record, cached: bool, replayed: bool) -> None:
        if not cached:
            self.count()

    def generation(self, summary: Generation) -> None:
        """Counted one by one."""

    def finalist(self, done: int, of: int) -> None:
        """Not counted."""


def evaluations(meter: Meter, number: int, evaluator: Evaluator) -> None:
    """Evaluate random genomes, keeping nothing."""
    rng = np.random.default_rng(SEED)
    for _ in range(number):
        evaluator(Task(draw_connected(find_space("mse-nas"), SKELETON, rng, LAYERS, SEED), SEED))
        meter.count()


def searched(meter: Meter, number: int, evaluator: Evaluator) -> None:
    """Run a random search of as many candidates."""
    fitness = parse_objective("sahd")
    settings = SearchSettings(
        "mse-nas",
        SKELETON,
        LAYERS,
        "digits",
        batches_hash(evaluator.batches),
        BATCH,
        BATCHES,
        (fitness,),
        "random",
        EVERY,
        number * 11 // 10 // EVERY - 1,  # some candidates have a network met before
        SEED,
        finalists=1,
        weight_seeds=1,
    )
    with tempfile.TemporaryDirectory() as folder, InlinePool(evaluator) as pool:
        search(settings, pool, Path(folder) / "run", meter, lambda: False, False)


CASES: dict[str, Callable[[Meter, int, Evaluator], None]] = {"evaluations": evaluations, "search": searched}


def measured(case: str, number: int) -> dict[str, Any]:
    """Run one case in this process and fit the growth."""
    torch.set_num_threads(1)
    evaluator = Evaluator(draw_batches(digits(), BATCH, BATCHES, SEED), ("sahd",))
    meter, start = Meter(), time.perf_counter()
    CASES[case](meter, number, evaluator)
    seconds = time.perf_counter() - start
    kept = meter.readings[len(meter.readings) // 5 :]
    growth = float(np.polyfit(np.arange(len(kept)), kept, 1)[0])
    return {
        "evaluations": meter.counted,
        "growth_mib_per_100": round(growth, 4),
        "flat": growth < FLAT,
        "first_mib": round(meter.readings[0], 1),
        "last_mib": round(meter.readings[-1], 1),
        "readings_mib": [round(reading, 1) for reading in meter.readings],
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Run each case in a process of its own, print a line for each, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--evaluations", type=int, default=2000)
    parser.add_argument("--only", choices=list(CASES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measured(given.only, given.evaluations)))
        return
    result: dict[str, Any] = {
        "benchmark": "memory",
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "torch", "numpy", "pymoo")},
        "flat_below_mib_per_100": FLAT,
    }
    for case in CASES:
        # In a process of its own: what the first case leaves behind must not hide what the second takes.
        command = [sys.executable, __file__, "--only", case, "--evaluations", str(given.evaluations)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        result[case] = figures
        result[f"flat_{case}"] = figures["flat"]
        told = {key: value for key, value in figures.items() if key != "readings_mib"}
        print(f"{case}: {json.dumps(told)}", file=sys.stderr)
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
