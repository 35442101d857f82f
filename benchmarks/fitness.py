"""Scoring a candidate, against the bare forward pass of the same network in two other ways.

    OMP_NUM_THREADS=1 python benchmarks/fitness.py --json

Ours is a whole evaluation of one batch: lowering, initial weights, the pass (and one more to calibrate
where the network has a cycle), the distances, every training-free measure and the guards. The peers only
pass the same batch through the same network with the same weights, built beforehand: spikingjelly 2.0
multi-step on its torch backend, norms in training mode; and modules of torch.nn stepped in a Python loop.
A loop cannot know the statistics of steps to come, so that one is given them and need not measure any.

The last line is JSON: `ratio_vs_<peer>_<case>` is the peer's seconds over ours (larger is better), medians
of alternating repeats in one process and one thread, by its CPU time. `candidates_per_s_<case>` goes by
the wall. spikingjelly's multi-step modules cannot express a cycle of populations: there the loop is the
only peer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peers import Loop, Spikingjelly, Weights
from rounding import rounded
from torch import Tensor, nn

from msc.backends.pytorch import SpikingNetwork
from msc.compiler.initialise import initial_model
from msc.ir.graph import cyclic_projections
from msc.ir.network import Network
from msc.ir.shapes import neuron_count
from msc.search.data.digits import digits
from msc.search.generate import new_genome
from msc.search.genome import Genome
from msc.search.lower import require_connected
from msc.search.scoring.evaluate import Evaluator, Task

BATCH, SEED = 32, 0
SAME = 0.001  # share of spikes that rounding may flip
CIFAR: dict[str, Any] = {"channels": 16, "input_shape": (3, 32, 32)}
DIGITS: dict[str, Any] = {"channels": 48, "input_shape": (1, 8, 8)}


@dataclass(frozen=True)
class Case:
    """A random genome of space mse-nas, 6 layers and T = 4, by the seed it is drawn from."""

    name: str
    seed: int
    skeleton: dict[str, Any] = field(default_factory=dict)

    def genome(self) -> Genome:
        return new_genome("mse-nas", self.seed, layers=6, timesteps=4, **self.skeleton)

    def batch(self) -> NDArray[np.float32]:
        """Real digits where they fit, else N(0, 1): the norms make their scale immaterial."""
        if self.skeleton["input_shape"] == (1, 8, 8):
            return digits().train_inputs[:BATCH]
        shape = (BATCH, *self.skeleton["input_shape"])
        return np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32)


CASES = (
    Case("reference_6x16", 12, CIFAR),
    Case("digits_6x48", 12, DIGITS),
    Case("reference_cycle_6x16", 4, CIFAR),
    Case("digits_cycle_6x48", 4, DIGITS),
)


@dataclass(frozen=True)
class Prepared:
    """A case's network with its weights, ours ready to run, and the statistics that a pass of it finds."""

    genome: Genome
    network: Network
    inputs: NDArray[np.float32]
    module: SpikingNetwork
    weights: Weights

    @classmethod
    def of(cls, case: Case) -> Prepared:
        genome, inputs = case.genome(), case.batch()
        network = require_connected(genome).network
        assert network is not None
        assert all(projection.delay <= 1 for projection in network.projections)
        weights = initial_model(network, SEED).weights
        assert not any(weights[p.bias_key].any() for p in network.populations if p.bias and not p.is_source)
        module = SpikingNetwork(network).train()
        module.load_weights(weights)
        prepared = cls(genome, network, inputs, module, dict(weights))
        cyclic = {f"{name}/norm/{s}" for name in cyclic_projections(network) for s in ("mean", "var")}
        module.momentum = 1.0
        prepared.forward()  # calibrates the norms inside cycles
        calibrated = module.export_weights()
        prepared.forward()
        found = module.export_weights()
        merged = {key: calibrated[key] if key in cyclic else found[key] for key in found}
        module.load_weights(merged)
        module.momentum = 0.0
        return cls(genome, network, inputs, module, merged)

    def forward(self) -> None:
        """Pass the batch, as an evaluation does, without digesting the spikes."""
        with torch.no_grad():
            for _ in self.module.stream(torch.from_numpy(self.inputs)):
                pass


def differing(prepared: Prepared, peer: nn.Module) -> tuple[float, float]:
    """Share of spikes that differ from ours, of all populations, and the share of ours that fire."""
    spikes: dict[str, Tensor] = {}
    with torch.no_grad():
        peer(torch.from_numpy(prepared.inputs), spikes)
        ours = prepared.module.record(torch.from_numpy(prepared.inputs))
    assert spikes.keys() == ours.keys()
    total = sum(values.numel() for values in ours.values())
    wrong = sum(int((values != spikes[name]).sum()) for name, values in ours.items())
    return wrong / total, sum(float(values.sum()) for values in ours.values()) / total


def alternate(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Run all in turn after one turn to warm up; returns CPU and wall seconds of each."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            run()
            if turn:
                seconds[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return seconds


def run_case(case: Case, repeats: int) -> dict[str, Any]:
    """Measure one case: check that the peers compute the same spikes, then time all in turn."""
    prepared = Prepared.of(case)
    peers: dict[str, nn.Module] = {"torch_loop": Loop(prepared.network, prepared.weights)}
    if not cyclic_projections(prepared.network):
        peers = {"spikingjelly": Spikingjelly(prepared.network, prepared.weights), **peers}
    figures: dict[str, Any] = {
        "genome_seed": case.seed,
        "populations": len(prepared.network.populations) - 1,
        "projections": len(prepared.network.projections),
        "neurons": neuron_count(prepared.network),
        "cycle": bool(cyclic_projections(prepared.network)),
    }
    for name, peer in peers.items():
        share, figures["rate"] = differing(prepared, peer)
        figures[f"differing_spikes_{name}"] = share
        if share > SAME:
            raise SystemExit(f"{case.name}: {share:.2%} of {name}'s spikes differ, another network is timed")
    frames, evaluator = torch.from_numpy(prepared.inputs), Evaluator((prepared.inputs,))
    rate = evaluator(Task(prepared.genome, SEED)).values["rate"]
    if rate is None or abs(rate - figures["rate"]) > SAME:
        raise SystemExit(f"{case.name}: evaluated at rate {rate}, another network is timed")
    runs: dict[str, Callable[[], object]] = {
        "evaluation": lambda: evaluator(Task(prepared.genome, SEED)),
        "forward": prepared.forward,
    }
    runs |= {name: lambda peer=peer: peer(frames) for name, peer in peers.items()}
    with torch.no_grad():
        seconds = alternate(runs, repeats)
    cpu = {name: statistics.median(c for c, _ in values) for name, values in seconds.items()}
    for name, values in seconds.items():
        figures[f"{name}_cpu_s"] = cpu[name]
        figures[f"{name}_cpu_s_range"] = [min(c for c, _ in values), max(c for c, _ in values)]
    figures["candidates_per_s"] = 1 / statistics.median(wall for _, wall in seconds["evaluation"])
    figures |= {f"ratio_vs_{name}": cpu[name] / cpu["evaluation"] for name in peers}
    return figures | {f"forward_ratio_vs_{name}": cpu[name] / cpu["forward"] for name in peers}


def main() -> None:
    """Run the cases and print a line for each, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="3 repeats instead of 15")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    given = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "benchmark": "fitness",
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "torch", "spikingjelly", "numpy")},
        "batch": BATCH,
        "repeats": 3 if given.quick else 15,
    }
    for case in CASES:
        if given.case and case.name not in given.case:
            continue
        figures = rounded(run_case(case, result["repeats"]))
        ratios = {key: value for key, value in figures.items() if key.startswith("ratio_vs_")}
        result |= {f"{key}_{case.name}": value for key, value in ratios.items()}
        result[f"candidates_per_s_{case.name}"] = figures["candidates_per_s"]
        result[case.name] = figures
        print(f"{case.name}: {json.dumps(figures)}", file=sys.stderr)
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
