"""Evolution against random search: the same fitness, data, budget and weight seed, through the command line.

    python benchmarks/evolution.py --json

For each seed, `msc search` runs twice with as many candidates; the best feasible values are compared,
and the winner is checked: no silent population, and it compiles to every target. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from msc.compiler.driver import target_names
from msc.search.evolution.history import read_history
from msc.search.evolution.objectives import parse_objective

MSC = str(Path(sys.executable).with_name("msc"))


def searched(folder: Path, strategy: str, seed: int, options: list[str]) -> tuple[Path, float]:
    """Run one search; returns its folder and the wall seconds."""
    run = folder / f"{strategy}-{seed}"
    start = time.perf_counter()
    command = [MSC, "search", "--data", "digits", "--strategy", strategy, "--seed", str(seed), *options]
    subprocess.run(
        [*command, "-o", str(run)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return run, time.perf_counter() - start


def best_value(run: Path) -> tuple[float, int]:
    """Best feasible value of the first objective under the search's seed, and how many were feasible."""
    history = read_history(run)
    objective = parse_objective(history.settings["objectives"][0])
    feasible = [e.record for e in history.evaluations if e.record.feasible]
    best = min(feasible, key=objective.cost)
    value = objective.value(best)
    assert value is not None
    return value, len(feasible)


def checked(run: Path, folder: Path) -> dict[str, Any]:
    """Check a winner: its lowest population rate over its weight seeds, and the targets it compiles to."""
    history = read_history(run)
    winner = [f.record for f in history.finalists if history.end and f.record.hash == history.end["best"]]
    rates = [rate for record in winner for rate in record.rates.values()]
    compiled = []
    for target in target_names():
        out = folder / f"{run.name}-{target}"
        command = [MSC, "compile", str(run / "best.json"), "--target", target, "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            compiled.append(target)
    return {"lowest_rate": min(rates), "compiled": compiled, "targets": list(target_names())}


def main() -> None:
    """Run all seeds and print a table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("options", nargs="*", help="options of msc search, after --")
    given = parser.parse_args()
    options = given.options or ["--population", "20", "--generations", "10"]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(given.seeds):
            evolved, seconds = searched(folder, "evolve", seed, options)
            random, random_seconds = searched(folder, "random", seed, options)
            (best, feasible), (rival, rivals) = best_value(evolved), best_value(random)
            objective = parse_objective(read_history(evolved).settings["objectives"][0])
            better = best < rival if objective.better.value == "min" else best > rival
            row = {
                "seed": seed,
                "evolve": best,
                "random": rival,
                "beats": better,
                "feasible": [feasible, rivals],
            }
            row |= {"seconds": [round(seconds, 1), round(random_seconds, 1)], **checked(evolved, folder)}
            rows.append(row)
            if not given.json:
                print(json.dumps(row), flush=True)
        settings = read_history(evolved).settings
    print(
        json.dumps(
            {
                "benchmark": "evolution",
                "command": " ".join(["python", *sys.argv]),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "versions": {p: version(p) for p in ("msc-snn", "torch", "numpy", "pymoo")},
                "settings": settings,
                "seeds": rows,
                "wins": sum(row["beats"] for row in rows),
                "of": len(rows),
            }
        )
    )


if __name__ == "__main__":
    main()
