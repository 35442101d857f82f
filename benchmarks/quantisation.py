"""What fixed point costs a trained network: float, quantised and fine-tuned accuracy, and real Lava's choice.

    msc train benchmarks/genomes/fashion-mnist.json --data fashion-mnist -o run
    python benchmarks/quantisation.py run --finetune --json

Accuracies are over all test samples, by the emulator of the emitted (pipelined) network; calibration uses
training samples. The first test images also go through real Lava. The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.emulator import emulate
from msc.backends.lava.runner import run_on_lava
from msc.backends.pytorch import SpikingNetwork
from msc.backends.weights import read_weights
from msc.compiler.contracts import Options, Property
from msc.compiler.driver import find_target, lower
from msc.compiler.timing import latency, logical, machine_input
from msc.ir.network import Model
from msc.search.data import find_data
from msc.search.data.request import Request
from msc.search.genome import load_genome
from msc.search.lower import require_connected
from msc.search.readout import class_scores
from msc.search.training.metrics import read_metrics

MSC = str(Path(sys.executable).with_name("msc"))
CHUNK = 250
WAYS: dict[str, Options] = {
    "channel thresholds": {},
    "one threshold a population": {"thresholds": "population"},
    "stem as bias (Loihi 1)": {"input": "bias", "profile": "loihi1"},
}


def chunks(inputs: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut static inputs into parts that fit in memory."""
    return (inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK))


def float_classes(model: Model, inputs: NDArray[np.float32], classes: int) -> NDArray[np.int64]:
    """Classify in floating point with the PyTorch executor."""
    network = SpikingNetwork(model.network)
    network.load_weights(model.weights)
    network.eval()
    with torch.no_grad():
        outputs = [network(torch.from_numpy(part)).numpy() for part in chunks(inputs)]
    return np.concatenate([class_scores(part, classes).argmax(1) for part in outputs])


def fixed_classes(machine: Model, inputs: NDArray[np.float32], classes: int) -> NDArray[np.int64]:
    """Classify with the emulator of the emitted network."""
    network, found = machine.network, []
    assert network.timesteps is not None
    steps = network.timesteps - latency(network)
    for part in chunks(inputs):
        frames, total = machine_input(network, part, steps)
        spikes = emulate(machine, frames, total, record=(network.output,)).spikes
        found.append(class_scores(logical(network, spikes, steps)[network.output], classes).argmax(1))
    return np.concatenate(found)


def lava_classes(machine: Model, inputs: NDArray[np.float32], classes: int) -> NDArray[np.int64]:
    """Classify on real Lava, sample by sample."""
    assert machine.network.timesteps is not None
    steps = machine.network.timesteps - latency(machine.network)
    values = run_on_lava(bundle_files(machine), inputs, steps, seconds=3600)
    return class_scores(values[machine.network.output], classes).argmax(1)


def model_of(run: Path) -> Model:
    """Read the network and the weights that a training left."""
    network = require_connected(load_genome(run / "genome.json")).network
    assert network is not None
    return Model(network, read_weights(str(run / "weights.safetensors"))[0])


def finetuned(run: Path, data: str, out: Path, options: list[str]) -> float:
    """Fine-tune through the command line; returns the seconds it took."""
    began = time.perf_counter()
    words = ["train", str(run / "genome.json"), "--weights", str(run / "weights.safetensors")]
    words += ["--finetune", "loihi", "--data", data, "-o", str(out), *options]
    done = subprocess.run([MSC, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"msc {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - began


def main() -> None:
    """Measure a training run, and print one line a way and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="a folder of msc train")
    parser.add_argument("--calibrate", type=int, default=256, help="training samples to calibrate on")
    parser.add_argument("--finetune", action="store_true", help="fine-tune, too; other options go to it")
    parser.add_argument("--lava", type=int, default=20, help="test images for real Lava")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    given, options = parser.parse_known_args()
    metrics = read_metrics(given.run / "metrics.json")
    split = find_data(metrics.data, Request())
    labels, classes = split.test_labels, split.classes
    calibrate = split.train_inputs[: given.calibrate]
    target = find_target("lava")

    def tell(**values: Any) -> dict[str, Any]:
        if not given.json:
            print(json.dumps(values), flush=True)
        return values

    def measured(model: Model, name: str, way: Options) -> dict[str, Any]:
        machine = lower(model, target, {"calibrate": calibrate, **way}, until=Property.RETIMED)
        began = time.perf_counter()
        decided = fixed_classes(machine, split.test_inputs, classes)
        seconds = round(time.perf_counter() - began, 1)
        return tell(name=name, accuracy=float(np.mean(decided == labels)), seconds=seconds)

    def on_lava(model: Model) -> dict[str, Any]:
        machine = lower(model, target, {"calibrate": calibrate}, until=Property.RETIMED)
        images = split.test_inputs[: given.lava]
        began = time.perf_counter()
        same = lava_classes(machine, images, classes) == fixed_classes(machine, images, classes)
        seconds = round(time.perf_counter() - began, 1)
        return tell(name="real Lava", images=len(images), same_predictions=int(same.sum()), seconds=seconds)

    model = model_of(given.run)
    exact = float(np.mean(float_classes(model, split.test_inputs, classes) == labels))
    tell(name="float", accuracy=exact)
    rows = [measured(model, name, way) for name, way in WAYS.items()]
    last = model
    after: dict[str, Any] = {}
    if given.finetune:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "finetuned"
            seconds = finetuned(given.run, metrics.data, out, options)
            last = model_of(out)
            fine = float(np.mean(float_classes(last, split.test_inputs, classes) == labels))
            after = {
                **measured(last, "fine-tuned", {}),
                "float_accuracy": fine,
                "training_seconds": round(seconds, 1),
                "settings": json.loads((out / "metrics.json").read_text())["settings"],
                "weights_sha256": hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest(),
            }
    result = {
        "benchmark": "quantisation",
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python", "benchmarks/quantisation.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "torch", "numpy")},
        "data": metrics.data,
        "genome": metrics.genome,
        "samples": len(labels),
        "calibration_samples": len(calibrate),
        "float_accuracy": exact,
        "quantised": rows,
        "fine_tuned": after,
        "lava": on_lava(last),
        "weights_sha256": hashlib.sha256((given.run / "weights.safetensors").read_bytes()).hexdigest(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
