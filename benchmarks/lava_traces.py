"""Forty random genomes on real Lava: records what it did in every population, and checks the emulator.

    python benchmarks/lava_traces.py            # compare with tests/golden/lava_traces.json
    python benchmarks/lava_traces.py --record   # write it anew

The genomes are those of tests/conformance/lava_genomes.py. Each: 40 steps of 2 samples on lava-nc 0.10
through run_lava.py; every spike of every population, relays included, and the final voltages are compared
with the emulator's, and summed up as counts and hashes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from msc.backends.lava.bundle import bundle_files  # noqa: E402
from msc.backends.lava.emulator import emulate  # noqa: E402
from msc.backends.lava.runner import run_on_lava  # noqa: E402
from msc.compiler.contracts import Property  # noqa: E402
from msc.compiler.timing import machine_input  # noqa: E402
from msc.ir.hashing import network_hash, weights_hash  # noqa: E402
from msc.ir.network import Model  # noqa: E402
from tests.conformance.lava_genomes import CASES, Case, case, told  # noqa: E402

TRACES = ROOT / "tests" / "golden" / "lava_traces.json"


def on_lava(chosen: Case, machine: Model) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Run on real Lava; returns spikes in machine time and final voltages, by population."""
    values = run_on_lava(bundle_files(machine), chosen.inputs, chosen.steps, machine=True)
    spikes = {p.name: values[p.name] for p in machine.network.populations if not p.is_source}
    return spikes, {name: values[f"{name}/voltage"] for name in spikes}


def differing(chosen: Case, machine: Model, spikes: dict[str, NDArray[Any]], voltages: Any) -> list[str]:
    """Name what the emulator does otherwise than Lava did."""
    inputs, steps = machine_input(machine.network, chosen.inputs, chosen.steps)
    ours = emulate(machine, inputs, steps, voltages=True)
    found = [f"spikes of {name}" for name in spikes if not np.array_equal(spikes[name], ours.spikes[name])]
    return found + [
        f"voltages of {name}" for name in voltages if not np.array_equal(voltages[name], ours.voltages[name])
    ]


def main() -> int:
    """Run every case; returns 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="write the traces instead of comparing")
    record = parser.parse_args().record
    known = {} if record else json.loads(TRACES.read_text())["cases"]
    traces: dict[str, Any] = {}
    wrong = 0
    for number in CASES:
        chosen = case(number)
        machine = chosen.until(Property.RETIMED)
        began = time.perf_counter()
        spikes, voltages = on_lava(chosen, machine)
        seconds = time.perf_counter() - began
        problems = differing(chosen, machine, spikes, voltages)
        traces[str(number)] = {
            "network": network_hash(machine.network)[:32],
            "weights": weights_hash(machine.weights)[:32],
            "populations": told(spikes, voltages),
        }
        if not record and traces[str(number)] != known[str(number)]:
            problems.append("the recorded trace")
        wrong += bool(problems)
        fired = sum(int(values.sum(dtype=np.int64)) for values in spikes.values())
        verdict = "equal" if not problems else f"differs: {', '.join(problems)}"
        print(
            f"{number:3d} {len(spikes):3d} populations {fired:7d} spikes {seconds:6.1f} s  {verdict}",
            flush=True,
        )
    if record and not wrong:
        content = {"format": "msc.lava-traces", "lava-nc": "0.10.0", "cases": traces}
        TRACES.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    print(f"{len(CASES) - wrong} of {len(CASES)} genomes equal in every spike and final voltage")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
