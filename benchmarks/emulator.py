"""Our emulator against real Lava 0.10, per time step of the same network.

    OMP_NUM_THREADS=1 python benchmarks/emulator.py --json

The network: 3x32x32 events -> conv 64 3x3 -> LIF -> conv 128 3x3 -> LIF, random integers, in machine time as
target lava emits it. Both sides run the same frames, one sample at a time, and record every spike, which
must be the same. Each is timed with few and with many steps, in turn; a step is the difference over the
difference in steps, so that starting (Lava: a Python process, building and stopping the network; ours:
preparing the weights) is told apart. Lava takes as many processes as it likes, ours one thread.

The last line is JSON: `ratio_vs_lava_32x32_64_128` is Lava's seconds per step over ours by the wall, medians;
`cpu_ratio_..` the same by the CPU time of all processes, which a busy machine disturbs less. Needs lava-nc
0.10: LAVA_PYTHON, or `msc doctor --install lava`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rounding import rounded

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.emulator import emulate
from msc.backends.lava.interpreters import find_interpreter
from msc.backends.lava.runner import run_on_lava
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import latency, logical, machine_input
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d

NAME = "32x32_64_128"
CHANNELS = (64, 128)
RATES = (0.05, 0.3)  # within which every population must fire
LAVA_STEPS, OUR_STEPS = (4, 24), (20, 220)
BATCH = 16


def build(seed: int) -> Model:
    """Make the network in machine time, with weights of both signs as Loihi holds them."""
    rng = np.random.default_rng(seed)
    populations = [Population("input", Source((3, 32, 32), InputKind.EVENTS))]
    projections: list[Projection] = []
    weights: dict[str, NDArray[np.float32]] = {}
    for channels in CHANNELS:
        source, name = populations[-1], f"conv{channels}"
        inner = 3 if source.is_source else CHANNELS[0]
        op = Conv2d(channels, (3, 3), padding=(1, 1))
        projections.append(Projection(f"{source.name}>{name}", source.name, name, (op,)))
        populations.append(Population(name, FixedLIF()))
        drawn = {
            projections[-1].weight_key(0): 2 * rng.integers(-100, 106, (channels, inner, 3, 3)),
            f"{name}/threshold": np.full(channels, round(160 * (9 * inner * 0.25) ** 0.5)),
            f"{name}/bias": 4 * rng.integers(-500, 500, channels),
        }
        weights |= {key: values.astype(np.float32) for key, values in drawn.items()}
    network = Network(tuple(populations), tuple(projections), populations[-1].name)
    return RETIME.run(Model(network, weights)).model


def frames(steps: int, batch: int = 1) -> NDArray[np.uint8]:
    """Draw events; fewer steps are the first of more."""
    rng = np.random.default_rng(1)
    return np.stack([rng.random((batch, 3, 32, 32)) < 0.25 for _ in range(steps)]).astype(np.uint8)


def ours(machine: Model, steps: int, batch: int = 1) -> dict[str, NDArray[Any]]:
    """Run the emulator; returns logical spikes."""
    inputs, ran = machine_input(machine.network, frames(steps, batch))
    found = emulate(machine, inputs, ran).spikes
    return logical(machine.network, found, ran - latency(machine.network))


def check(machine: Model) -> dict[str, float]:
    """Demand the same spikes of both, at living rates; returns our rates."""
    steps = LAVA_STEPS[0]
    expected = ours(machine, steps)
    found = run_on_lava(bundle_files(machine), frames(steps), None)
    for name, spikes in expected.items():
        if not np.array_equal(found[name], spikes):
            raise SystemExit(f"{name}: Lava and the emulator differ, another network is timed")
    rates = {name: float(spikes.mean()) for name, spikes in ours(machine, LAVA_STEPS[1]).items()}
    if not all(RATES[0] < rate < RATES[1] for rate in rates.values()):
        raise SystemExit(f"rates {rates} outside {RATES}: another kind of network is timed")
    return rates


def seconds(run: Callable[[], object]) -> NDArray[np.float64]:
    """Time by the wall, and by the CPU of this process and of those it waited for."""
    began = np.array([time.perf_counter(), sum(os.times()[:4])])
    run()
    return np.array([time.perf_counter(), sum(os.times()[:4])]) - began


def timed(run: Callable[[int], object], steps: tuple[int, int]) -> tuple[NDArray[np.float64], float]:
    """Time a run with few and one with many steps; returns seconds per step, and those before the first."""
    few, many = (seconds(lambda n=n: run(n)) for n in steps)
    step = (many - few) / (steps[1] - steps[0])
    return step, float(few[0] - steps[0] * step[0])


def measure(machine: Model, repeats: int) -> dict[str, Any]:
    """Time both in turn; medians and ranges."""
    files = bundle_files(machine)
    runs: dict[str, Callable[[], tuple[NDArray[np.float64], float]]] = {
        "lava": lambda: timed(lambda n: run_on_lava(files, frames(n), None), LAVA_STEPS),
        "emulator": lambda: timed(lambda n: ours(machine, n), OUR_STEPS),
        f"emulator_batch_{BATCH}": lambda: timed(lambda n: ours(machine, n, BATCH), (5, 25)),
    }
    ours(machine, OUR_STEPS[0])
    taken: dict[str, list[tuple[NDArray[np.float64], float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            taken[name].append(run())
    figures: dict[str, Any] = {}
    for name, values in taken.items():
        walls = [float(step[0]) for step, _ in values]
        figures[f"{name}_s_per_step"] = statistics.median(walls)
        figures[f"{name}_s_per_step_range"] = [min(walls), max(walls)]
        figures[f"{name}_cpu_s_per_step"] = statistics.median(float(step[1]) for step, _ in values)
        figures[f"{name}_start_s"] = statistics.median(start for _, start in values)
    figures["emulator_steps_per_s"] = 1 / figures["emulator_s_per_step"]
    return figures


def lava_versions() -> dict[str, str]:
    """Ask the interpreter that runs Lava what it is."""
    code = (
        "import json, platform; from importlib.metadata import version; "
        "print(json.dumps({'lava-nc': version('lava-nc'), 'lava-python': platform.python_version(), "
        "'lava-numpy': version('numpy')}))"
    )
    told = subprocess.run([find_interpreter(), "-c", code], capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def main() -> None:
    """Check, measure, print a table, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="1 repeat instead of 5")
    given = parser.parse_args()
    machine = build(seed=0)
    load = os.getloadavg()[0]
    rates = check(machine)
    figures = measure(machine, 1 if given.quick else 5)
    ratio = figures["lava_s_per_step"] / figures["emulator_s_per_step"]
    cpu_ratio = figures["lava_cpu_s_per_step"] / figures["emulator_cpu_s_per_step"]
    print(f"{'':18}{'ms per step':>14}{'CPU ms':>10}{'start s':>10}")
    for name in ("lava", "emulator", f"emulator_batch_{BATCH}"):
        step, cpu = figures[f"{name}_s_per_step"], figures[f"{name}_cpu_s_per_step"]
        print(f"{name:18}{1000 * step:14.2f}{1000 * cpu:10.2f}{figures[f'{name}_start_s']:10.2f}")
    print(f"the same spikes; a step of the emulator is {ratio:.0f} times faster, {cpu_ratio:.0f} by CPU time")
    result = {
        "benchmark": "emulator",
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": [load, os.getloadavg()[0]],
        "versions": {name: version(name) for name in ("msc-snn", "numpy")} | lava_versions(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "rates": rates,
        f"ratio_vs_lava_{NAME}": ratio,
        f"cpu_ratio_vs_lava_{NAME}": cpu_ratio,
        NAME: figures,
    }
    if given.json:
        print(json.dumps(rounded(result)))


if __name__ == "__main__":
    main()
