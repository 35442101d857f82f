"""What counting costs on top of running a network, and that its memory does not grow with the input.

    OMP_NUM_THREADS=1 python benchmarks/counting.py --json

`forward` runs the executor in the portions and spans of steps in which `count` runs it, and looks at
nothing; `count` runs it so and counts spikes, synaptic events and changed membranes, sample by sample.
`whole` is the executor's usual forward pass, all steps at once. The emulator is taken step by step, with and
without counting. One thread; medians of alternating repeats by CPU time. Weights are drawn at random, so
that rates are 5-50 %.

Memory: in a process of its own, by how much the largest resident memory while counting exceeds that before,
with the input loaded; for more and more steps of 64 samples, and more and more samples of 4 steps.

The last line is JSON: `ratio_count_vs_forward_<case>`; `ratio_memory_<input>_<t400|n6400>` is the growth at
400 steps over that at 40, at 6400 samples over that at 640 (1: flat).
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from inference_networks import dense_lif, genome
from numpy.typing import NDArray
from rounding import rounded

from msc.backends.counting import count
from msc.backends.lava.emulator import stream
from msc.backends.pytorch import SpikingNetwork
from msc.backends.pytorch.portions import portion
from msc.backends.pytorch.spans import spans
from msc.backends.stages import stage
from msc.compiler.energy.report import Stage
from msc.compiler.initialise import draw_input, random_model
from msc.ir.activity import Activity, Quantity
from msc.ir.network import Model, Network
from msc.ir.neurons import Source
from msc.ir.shapes import neuron_count
from msc.ir.synapses import wire
from msc.search.generate import new_genome
from msc.search.genome import load_genome
from msc.search.lower import require_connected

GENOME = Path(__file__).parent / "genomes" / "fashion-mnist.json"
STEPS, SAMPLES = (4, 40, 400), (64, 640, 6400)
MIB = 2**20


def fashion() -> Network:
    """The committed genome for Fashion-MNIST, 28x28, 4 steps."""
    network = require_connected(load_genome(str(GENOME))).network
    assert network is not None
    return network


def streamed(kind: str) -> Network:
    """A random genome on two channels of 34x34, large enough for several portions of the fewest samples."""
    drawn = new_genome("mse-nas", 5, layers=3, channels=8, input=kind, input_shape=(2, 34, 34))
    network = require_connected(drawn).network
    assert network is not None
    return network


@dataclass(frozen=True)
class Case:
    """A network by name, and how many samples a run takes."""

    name: str
    build: Callable[[], Network]
    samples: int


CASES = (
    Case("fashion_mnist", fashion, 1092),
    Case("genome_6x16", partial(genome(12), 4), 81),
    Case("dense_784_512_512_10", partial(dense_lif, 4), 16384),
)
KINDS = ("static", "events")


def shown(network: Network, samples: int, steps: int) -> NDArray[Any]:
    """Draw an input of the network's kind."""
    source = network.source.neuron
    assert isinstance(source, Source)
    return draw_input(source, 1, samples, steps)


def forward(module: SpikingNetwork, inputs: NDArray[Any], steps: int) -> None:
    """Run the executor as counting does, and count nothing."""
    samples, at_once = portion(module.network, steps)
    for begin in range(0, len(inputs), samples):
        for _ in spans(module, inputs[begin : begin + samples], steps, at_once):
            pass


def whole(module: SpikingNetwork, inputs: NDArray[Any], steps: int) -> None:
    """Run the executor on the same samples at once, all steps at once."""
    samples, _ = portion(module.network, steps)
    with torch.inference_mode():
        for begin in range(0, len(inputs), samples):
            module(torch.from_numpy(inputs[begin : begin + samples]), steps)


def emulated(model: Model, inputs: NDArray[Any], steps: int) -> None:
    """Run the emulator as counting does, and count nothing."""
    for _ in stream(model, inputs, steps):
        pass


def alternate(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Any]:
    """Run all in turn, once warm; returns medians and ranges of CPU seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(repeats + 1):
        for name, run in runs.items():
            began = time.process_time()
            run()
            if number:
                seconds[name].append(time.process_time() - began)
    figures: dict[str, Any] = {}
    for name, values in seconds.items():
        figures[f"{name}_s"] = statistics.median(values)
        figures[f"{name}_s_range"] = [min(values), max(values)]
    return figures


def rates(activity: Activity, network: Network) -> dict[str, Any]:
    """Say what was counted, so that nobody counts silence quickly."""
    spiking = [p.name for p in network.populations if not p.is_source]
    spikes = sum(activity.total(Quantity.SPIKES, name) for name in spiking)
    return {
        "neurons": neuron_count(network),
        "columns": len(activity.columns),
        "rate": spikes / (neuron_count(network) * activity.steps * activity.samples),
        "events_per_sample": activity.total(Quantity.EVENTS) / activity.samples,
    }


def cost(case: Case, repeats: int) -> dict[str, Any]:
    """Measure what counting costs on top of the executor."""
    model = random_model(case.build(), 0)
    network = model.network
    steps = network.timesteps or 4
    inputs, wiring = shown(network, case.samples, steps), wire(model)
    module = SpikingNetwork(network).eval()
    module.load_weights(model.weights)
    runs: dict[str, Callable[[], object]] = {
        "forward": lambda: forward(module, inputs, steps),
        "count": lambda: count(model, wiring, inputs, steps),
        "whole": lambda: whole(module, inputs, steps),
    }
    figures = alternate(runs, repeats) | rates(count(model, wiring, inputs[:32], steps), network)
    figures["samples"] = case.samples
    figures["ratio_count_vs_forward"] = figures["count_s"] / figures["forward_s"]
    figures["ratio_count_vs_whole"] = figures["count_s"] / figures["whole_s"]
    return figures


def cost_emulated(repeats: int) -> dict[str, Any]:
    """Measure what counting costs on top of the emulator, on the quantised network."""
    model = stage(random_model(fashion(), 0), Stage.QUANTISED).model
    inputs, wiring = shown(model.network, 64, 4), wire(model)
    runs: dict[str, Callable[[], object]] = {
        "forward": lambda: emulated(model, inputs, 4),
        "count": lambda: count(model, wiring, inputs, 4),
    }
    figures = alternate(runs, repeats) | rates(count(model, wiring, inputs[:32], 4), model.network)
    figures["ratio_count_vs_forward"] = figures["count_s"] / figures["forward_s"]
    return figures


def growth(kind: str, samples: int, steps: int) -> float:
    """Count in this process; returns by how many MiB its largest resident memory grew."""
    torch.set_num_threads(1)
    model = random_model(streamed(kind), 0)
    wiring = wire(model)
    frame = shown(model.network, 1, 1).astype(np.float32 if kind == "static" else np.uint8)
    tiled = (samples, 1, 1, 1) if kind == "static" else (steps, samples, 1, 1, 1)
    inputs = np.tile(frame, tiled)
    count(model, wiring, inputs[:1] if kind == "static" else inputs[:1, :1], 1 if kind == "static" else None)
    before = largest_resident()
    count(model, wiring, inputs, steps)
    return (largest_resident() - before) / MIB


def largest_resident() -> int:
    """Read this process's largest resident memory, in bytes; what getrusage says begins with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def memory(kind: str) -> dict[str, Any]:
    """Measure the growth for all numbers of steps and samples, each in a process of its own."""
    figures: dict[str, Any] = {}
    places = [(SAMPLES[0], steps) for steps in STEPS] + [(samples, STEPS[0]) for samples in SAMPLES[1:]]
    for samples, steps in places:
        command = [sys.executable, __file__, "--grow", kind, str(samples), str(steps)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures[f"growth_mib_n{samples}_t{steps}"] = float(done.stdout)
    few, many = (figures[f"growth_mib_n{samples}_t{STEPS[0]}"] for samples in SAMPLES[1:])
    short, long = (figures[f"growth_mib_n{SAMPLES[0]}_t{steps}"] for steps in STEPS[1:])
    return figures | {"ratio_memory_t400": long / short, "ratio_memory_n6400": many / few}


def main() -> None:
    """Run the cases, print a line for each, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="3 repeats instead of 11")
    parser.add_argument("--grow", nargs=3, metavar=("KIND", "SAMPLES", "STEPS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.grow:
        print(growth(given.grow[0], int(given.grow[1]), int(given.grow[2])))
        return
    torch.set_num_threads(1)
    repeats = 3 if given.quick else 11
    result: dict[str, Any] = {
        "benchmark": "counting",
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(["OMP_NUM_THREADS=1 python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": [os.getloadavg()[0]],
        "versions": {name: version(name) for name in ("msc-snn", "torch", "numpy")},
        "repeats": repeats,
    }
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        **{case.name: partial(cost, case, repeats) for case in CASES},
        "fashion_mnist_emulated": partial(cost_emulated, repeats),
        **{kind: partial(memory, kind) for kind in KINDS},
    }
    for name, measure in parts.items():
        figures = rounded(measure())
        for key in [key for key in figures if key.startswith("ratio_")]:
            result[f"{key}_{name}"] = figures.pop(key)
        result[name] = figures
        ratios = {key: value for key, value in result.items() if key.endswith(name) and key != name}
        print(f"{name}: {json.dumps(ratios | figures)}", file=sys.stderr)
    result["load_average"].append(os.getloadavg()[0])
    if given.json:
        print(json.dumps(rounded(result)))


if __name__ == "__main__":
    main()
