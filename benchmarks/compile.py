"""Compiling a CIFAR-size genome to NIR, against a bare nir.write and nir.read of the same arrays in one run.

    python benchmarks/compile.py --json

The last line is JSON: `ratio_vs_nir_<case>` is the bare seconds over msc's (larger is better); msc's include
starting Python and importing. `within_limit_<case>` is msc <= 1 s + 1.3 x bare, the issue's bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

BARE = """
import json, sys, tempfile, time, os
import nir
graph = nir.read(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "bare.nir")
    start = time.perf_counter()
    nir.write(path, graph)
    nir.read(path)
    print(time.perf_counter() - start)
"""
IMPORTS = """
import msc.compiler.cli.app, msc.compiler.driver, msc.search.lower
import msc.backends.nir.target, msc.backends.weights
import nir, h5py, numpy, networkx, safetensors.numpy, msgspec
"""


def measured(command: list[str]) -> tuple[float, int, str]:
    """Run a command; returns wall seconds, peak resident bytes and its standard output."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command[:6])} ... failed with exit code {process.returncode}")
        output.seek(0)
        return seconds, usage.ru_maxrss * 1024, output.read().decode()


def run_case(folder: Path, layers: int, channels: int, repeats: int) -> dict[str, float]:
    """Measure one genome: msc and the bare library alternate, medians are compared."""
    msc = [str(Path(sys.executable).with_name("msc"))]
    genome, weights, out = folder / "genome.json", folder / "weights.safetensors", folder / "out"
    options = ["--layers", str(layers), "--channels", str(channels), "--seed", "0"]
    subprocess.run([*msc, "new", *options, "-o", str(genome)], check=True, stdout=subprocess.DEVNULL)
    # In a process of its own: a child starts with the peak memory of the one it was forked from.
    subprocess.run([sys.executable, __file__, "--write-weights", str(genome), str(weights)], check=True)
    compile_ = [
        *msc,
        "compile",
        str(genome),
        "--weights",
        str(weights),
        "--target",
        "nir",
        "-o",
        str(out),
        "--force",
    ]
    _, bare_rss, _ = measured([sys.executable, "-c", IMPORTS])
    ours, bare, peaks = [], [], []
    for _ in range(repeats):
        seconds, peak, _ = measured(compile_)
        ours.append(seconds)
        peaks.append(peak)
        bare.append(float(measured([sys.executable, "-c", BARE, str(out / "network.nir")])[2]))
    size = weights.stat().st_size
    return {
        "weights_mb": size / 1e6,
        "msc_s": statistics.median(ours),
        "bare_s": statistics.median(bare),
        "allowed_s": 1 + 1.3 * statistics.median(bare),
        "peak_over_weights": (max(peaks) - bare_rss) / size,
    }


def write_random_weights(genome: Path, path: Path) -> None:
    """Write Gaussian weights of the genome's shapes (uncalibrated: only their bytes matter here)."""
    import numpy as np

    from msc.backends.weights import write_weights
    from msc.ir.shapes import weight_shapes
    from msc.search.canonical import genome_hash
    from msc.search.genome import load_genome
    from msc.search.lower import require_connected

    loaded = load_genome(genome)
    network = require_connected(loaded).network
    inhibitory = {p.name for p in network.projections if p.sign.value == "inhibitory"}
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in weight_shapes(network).items():
        values = rng.standard_normal(shape, dtype=np.float32)
        if name.endswith(("gamma", "var")):
            values = np.abs(values) + np.float32(0.5)
        elif name.split("/")[0] in inhibitory:
            values = -np.abs(values)
        weights[name] = values
    path.write_bytes(write_weights(weights, {"genome": genome_hash(loaded)}))


def main() -> None:
    """Run the cases and print a table, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--write-weights", nargs=2, type=Path, metavar=("GENOME", "FILE"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.write_weights:
        write_random_weights(*arguments.write_weights)
        return
    result: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "nir", "h5py", "numpy")},
    }
    helps = [measured([str(Path(sys.executable).with_name("msc")), "--help"])[0] for _ in range(5)]
    result["help_s"] = round(statistics.median(helps), 3)
    for case, layers, channels in (("cifar_6x48", 6, 48), ("small_3x16", 3, 16)):
        with tempfile.TemporaryDirectory() as folder:
            figures = run_case(Path(folder), layers, channels, arguments.repeats)
        result[f"ratio_vs_nir_{case}"] = round(figures["bare_s"] / figures["msc_s"], 3)
        result[f"within_limit_{case}"] = figures["msc_s"] <= figures["allowed_s"]
        result[case] = {key: round(value, 3) for key, value in figures.items()}
        print(
            f"{case}: " + ", ".join(f"{key} {value:.2f}" for key, value in figures.items()), file=sys.stderr
        )
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
