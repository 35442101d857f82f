"""Our artefacts running a network, against spikingjelly and a plain loop of torch on the same network.

    OMP_NUM_THREADS=1 python benchmarks/inference.py --json

ONNX Runtime runs the file of target onnx (the whole sequence), torch the stand-alone network.py of target
pytorch, and our executor the network itself. The peers: spikingjelly 2.0 multi-step on its torch backend, in
evaluation and reset between runs; and modules of torch.nn stepped in a Python loop, membranes by elementwise
operations. All have the same weights and the same frames and use one thread; what a static frame feeds is
computed once in all of them; torch keeps no gradients (inference mode). Weights are such that float32 is
exact: before anything is timed, every output spike of every contender, and every spike of every population
of the peers, must be the reference's (a peer's convolutions may round: such spikes are counted).

The last line is JSON: `ratio_vs_<peer>_<case>` is the peer's seconds over those of ONNX Runtime (larger is
better), `module_ratio_vs_<peer>_<case>` over those of network.py: medians of alternating repeats in one
process, by its CPU time; `wall_ratio_..` is the same by the wall. spikingjelly's multi-step modules cannot
express a cycle of populations: there the loop is the only peer.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from inference_networks import CASES, Case
from numpy.typing import NDArray
from peers import Loop, Spikingjelly
from rounding import rounded

from msc.backends.pytorch import SpikingNetwork
from msc.backends.simulators.onnx import open_session
from msc.compiler.driver import compile_model, find_target
from msc.compiler.initialise import draw_input
from msc.ir.graph import cyclic_projections
from msc.ir.network import Model
from msc.ir.neurons import Source
from msc.ir.shapes import neuron_count
from msc.ir.simulate import simulate

BATCHES = (1, 32)
PEERS = ("spikingjelly", "torch_loop", "executor")
SAME = 0.001  # share of spikes that a convolution which rounds may flip
TURN_S = 0.2  # how long a contender runs before it is the next one's turn

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Contender:
    """One way to run a network: `run` [B, *shape] gives the output spikes [T, B, *shape]."""

    name: str
    run: Callable[[Frames], NDArray[Any]]


def onnx_runtime(model: Model, timesteps: int) -> Contender:
    """Run the sequence file of target onnx in ONNX Runtime."""
    file = compile_model(lambda: model, find_target("onnx"), {}).files["network.onnx"]
    session = open_session(file)
    steps = np.array(timesteps, np.int64)
    return Contender("onnx", lambda x: session.run(["output"], {"input": x, "timesteps": steps})[0])


def stand_alone(model: Model, timesteps: int, folder: Path) -> Contender:
    """Run network.py of target pytorch."""
    for name, content in compile_model(lambda: model, find_target("pytorch"), {}).files.items():
        (folder / name).write_bytes(content)
    spec = importlib.util.spec_from_file_location("stand_alone_network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load().eval()
    return Contender("module", lambda x: network(torch.from_numpy(x), timesteps=timesteps).numpy())


def contenders(model: Model, timesteps: int, folder: Path) -> list[Contender]:
    """Build all that can run the model."""
    network, weights = model.network, dict(model.weights)
    executor = SpikingNetwork(network).eval()
    executor.load_weights(weights)
    loop = Loop(network, weights)
    built = [
        onnx_runtime(model, timesteps),
        stand_alone(model, timesteps, folder),
        Contender("executor", lambda x: executor(torch.from_numpy(x), timesteps).numpy()),
        Contender("torch_loop", lambda x: loop(torch.from_numpy(x)).numpy()),
    ]
    if not cyclic_projections(network):
        peer = Spikingjelly(network, weights, training=False)
        built.append(Contender("spikingjelly", lambda x: peer(torch.from_numpy(x)).numpy()))
    return built


def check(built: list[Contender], model: Model, frames: Frames, timesteps: int) -> dict[str, Any]:
    """Demand the reference's output spikes of all; returns rates, and what differs where it rounds."""
    trace = simulate(model, frames, timesteps)
    rates = [float(spikes.mean()) for spikes in trace.spikes.values()]
    if not trace.outputs.any() or not (trace.outputs[:, :1] != trace.outputs).any():
        raise SystemExit("the output is silent or the same for all samples: nothing is compared")
    found: dict[str, Any] = {"rate": statistics.mean(rates), "output_rate": float(trace.outputs.mean())}
    for contender in built:
        wrong = float((contender.run(frames) != trace.outputs).mean())
        found[f"differing_output_spikes_{contender.name}"] = wrong
        if wrong > (0 if contender.name in ("onnx", "module", "executor") else SAME):
            raise SystemExit(
                f"{wrong:.2%} of the spikes of {contender.name} differ, another network is timed"
            )
    network, weights = model.network, dict(model.weights)
    peers: dict[str, torch.nn.Module] = {"torch_loop": Loop(network, weights)}
    if any(contender.name == "spikingjelly" for contender in built):
        peers["spikingjelly"] = Spikingjelly(network, weights, training=False)
    for name, peer in peers.items():
        spikes: dict[str, torch.Tensor] = {}
        peer(torch.from_numpy(frames), spikes)
        different = sum(int((trace.spikes[key] != spikes[key].numpy()).sum()) for key in trace.spikes)
        total = sum(values.size for values in trace.spikes.values())
        found[f"differing_spikes_{name}"] = different / total
        if different > SAME * total:
            raise SystemExit(f"{different} of {total} spikes of {name} differ, another network is timed")
    return found


def alternate(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Run all in turn, each for about TURN_S, once warm; returns CPU and wall seconds a call."""
    calls: dict[str, int] = {}
    for name, run in runs.items():
        run()
        began = time.perf_counter()
        run()
        calls[name] = max(1, round(TURN_S / (time.perf_counter() - began)))
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(calls[name]):
                run()
            passed = (time.process_time() - cpu, time.perf_counter() - wall)
            seconds[name].append((passed[0] / calls[name], passed[1] / calls[name]))
    return seconds


def measure(built: list[Contender], frames: Frames, repeats: int) -> dict[str, Any]:
    """Time all contenders on the same frames; medians, ranges and ratios."""
    runs = {contender.name: (lambda run=contender.run: run(frames)) for contender in built}
    seconds = alternate(runs, repeats)
    cpu = {name: statistics.median(c for c, _ in values) for name, values in seconds.items()}
    wall = {name: statistics.median(w for _, w in values) for name, values in seconds.items()}
    figures: dict[str, Any] = {}
    for name, values in seconds.items():
        figures[f"{name}_cpu_ms"] = 1000 * cpu[name]
        figures[f"{name}_cpu_ms_range"] = [1000 * pick(c for c, _ in values) for pick in (min, max)]
        figures[f"{name}_wall_ms"] = 1000 * wall[name]
    for peer in (name for name in PEERS if name in cpu):
        figures[f"ratio_vs_{peer}"] = cpu[peer] / cpu["onnx"]
        figures[f"wall_ratio_vs_{peer}"] = wall[peer] / wall["onnx"]
        figures[f"module_ratio_vs_{peer}"] = cpu[peer] / cpu["module"]
    return figures


def run_case(case: Case, repeats: int) -> dict[str, Any]:
    """Check and measure one network at every batch size; keys end in the batch size."""
    model = case.model()
    source = model.network.source.neuron
    assert isinstance(source, Source)
    result: dict[str, Any] = {}
    with TemporaryDirectory() as folder, torch.inference_mode():
        built = contenders(model, case.timesteps, Path(folder))
        frames = draw_input(source, 1, max(BATCHES), case.timesteps)
        checked = check(built, model, frames, case.timesteps)
        for batch in BATCHES:
            result[f"{case.name}_b{batch}"] = measure(built, frames[:batch].copy(), repeats)
    about = {
        "populations": len(model.network.populations) - 1,
        "neurons": neuron_count(model.network),
        "timesteps": case.timesteps,
        "cycle": bool(cyclic_projections(model.network)),
    }
    return {case.name: about | checked, **result}


def told(name: str, figures: Mapping[str, Any]) -> str:
    """Sum up one case in a line: milliseconds of each, and how much faster ONNX Runtime is."""
    times = [f"{key[:-7]} {value:.1f}" for key, value in figures.items() if key.endswith("_cpu_ms")]
    ratios = [f"{key[9:]} {value:.2f}" for key, value in figures.items() if key.startswith("ratio_vs_")]
    return f"{name}: ms {', '.join(times)}; onnx faster than {', '.join(ratios)}"


def main() -> None:
    """Run the cases, print a line for each, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="3 repeats instead of 15")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    given = parser.parse_args()
    torch.set_num_threads(1)
    packages = ("msc-snn", "torch", "spikingjelly", "onnx", "onnxruntime", "numpy")
    result: dict[str, Any] = {
        "benchmark": "inference",
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(["OMP_NUM_THREADS=1 python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": [os.getloadavg()[0]],
        "versions": {name: version(name) for name in packages},
        "repeats": 3 if given.quick else 15,
    }
    details: dict[str, Any] = {}
    for case in CASES:
        if given.case and case.name not in given.case:
            continue
        for name, figures in rounded(run_case(case, result["repeats"])).items():
            details[name] = figures
            ratios = {key: value for key, value in figures.items() if "ratio_vs_" in key}
            result |= {f"{key}_{name}": value for key, value in ratios.items()}
            print(told(name, figures) if ratios else f"{name}: {json.dumps(figures)}", file=sys.stderr)
    result["load_average"].append(os.getloadavg()[0])
    if given.json:
        print(json.dumps(rounded(result | details)))


if __name__ == "__main__":
    main()
