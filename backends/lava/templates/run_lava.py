"""Runs the network of this folder on lava-nc 0.10 and writes every population's spikes.

    python run_lava.py INPUT.npy -o OUT.npz

needs numpy and lava-nc 0.10 (its own requirement of Python 3.10 does not matter: 3.11 to 3.13 work too).
network.json says what the network is, weights.npz holds its integers. Lava computes in integers here, as
Loihi does: the spikes are, one for one, those of msc's emulator.

The network is pipelined: one step of the machine per synapse. A population's logical step 0 is the machine
step `start` of network.json; OUT.npz holds logical steps, unless --machine asks for the others.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np

from .reading import Bundle, UserError, check_input, read_bundle, read_input
from .wiring import end_children, prepare_lava, run_sample


def main() -> None:
    """Run the command line; exit code 2, with one line on stderr, for what a person can put right."""
    try:
        run(parse_arguments())
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    frames = "frames [B,C,H,W] of a static input, else [T,B,C,H,W]: raw values, as for msc run"
    parser.add_argument("input", type=Path, metavar="INPUT.npy", help=frames)
    output = "the file to write"
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="OUT.npz", help=output)
    names = "populations to record: all (the default), the output only, or names with commas between them"
    parser.add_argument("--record", default="all", metavar="all|output|NAMES", help=names)
    machine = "write the machine's steps, relays too, and NAME/voltage: the membranes after the last step"
    parser.add_argument("--machine", action="store_true", help=machine)
    parser.add_argument("--timesteps", type=int, metavar="T", help="logical steps to show a static input for")
    prefix = "what the names of shared-memory segments begin with, so that others can find them"
    parser.add_argument("--shared-memory-prefix", metavar="P", help=prefix)
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> None:
    """Run every sample of the input, each in a new network, and write the file."""
    bundle = read_bundle(Path(__file__).resolve().parent)
    recorded = recorded_names(bundle, arguments.record, arguments.machine)
    if arguments.timesteps is not None and arguments.timesteps < 1:
        raise UserError(f"timesteps: is {arguments.timesteps}; give 1 or more")
    inputs, timesteps = check_input(bundle.network, read_input(arguments.input), arguments.timesteps)
    samples = inputs if bundle.network["input"]["kind"] == "static" else np.moveaxis(inputs, 1, 0)
    name_segments(arguments.shared_memory_prefix)
    prepare_lava()
    spikes: dict[str, list[np.ndarray]] = {name: [] for name in recorded}
    voltages: dict[str, list[np.ndarray]] = {}
    steps = timesteps + bundle.latency
    with tempfile.TemporaryDirectory(prefix="run-lava-") as folder:
        end_when_told(folder)
        sinks = {name: Path(folder, f"{index}.spikes") for index, name in enumerate(recorded)}
        for number, sample in enumerate(samples, 1):
            print(f"sample {number} of {len(samples)}", flush=True)
            found = run_sample(bundle, sample, steps, sinks, arguments.machine)
            for name, path in sinks.items():
                spikes[name].append(read_spikes(path, bundle.population(name), steps))
                path.unlink()
            for name, values in found.items():
                voltages.setdefault(name, []).append(values.T)
    write_arrays(arguments.output, answer(bundle, spikes, voltages, timesteps))


def end_when_told(folder: str) -> None:
    """Have signals end Lava's processes too, and remove the folder: they would wait for this one for ever."""
    owner = os.getpid()

    def end(number: int, _: object) -> None:
        if os.getpid() == owner:
            end_children()
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(128 + number)  # an exception here may be swallowed, between two forks of Lava's

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def recorded_names(bundle: Bundle, record: str, machine: bool) -> list[str]:
    """List the populations to record; the output is always one of them."""
    populations = [p["name"] for p in bundle.network["populations"] if machine or p["relay_of"] is None]
    output = bundle.network["output"]
    if record == "all":
        return populations
    asked = {output, *(record.split(",") if record != "output" else ())}
    unknown = sorted(asked - set(populations))
    if unknown:
        raise UserError(f"record: no population is called {', '.join(unknown)}; use {', '.join(populations)}")
    return [name for name in populations if name in asked]


def name_segments(prefix: str | None) -> None:
    """Have Python's shared-memory segments, which Lava's channels are, called by a name that begins so."""
    if prefix is not None:
        if not prefix.replace("-", "").replace("_", "").isalnum():
            raise UserError(f"shared-memory-prefix: is {prefix!r}; use letters, digits, - and _")
        shared_memory._SHM_NAME_PREFIX = f"/{prefix}"  # type: ignore[attr-defined]
        shared_memory._SHM_SAFE_NAME_LENGTH = len(prefix) + 9  # type: ignore[attr-defined]


def read_spikes(path: Path, population: dict[str, Any], steps: int) -> np.ndarray:
    """Read what a sink wrote: [M, *shape], from Lava's order of axes to ours."""
    shape = tuple(population["shape"])
    written = np.fromfile(path, np.uint8).reshape(steps, *shape[::-1])
    return written.transpose(0, *range(len(shape), 0, -1))


def answer(
    bundle: Bundle,
    spikes: dict[str, list[np.ndarray]],
    voltages: dict[str, list[np.ndarray]],
    timesteps: int,
) -> dict[str, np.ndarray]:
    """Put the samples together: machine steps and voltages where there are any, else logical steps."""
    arrays = {name: np.stack(values, axis=1) for name, values in spikes.items()}
    if voltages:
        return {**arrays, **{f"{name}/voltage": np.stack(values) for name, values in voltages.items()}}
    for name, values in arrays.items():
        start = bundle.population(name)["start"]
        arrays[name] = values[start : start + timesteps]
    return {**arrays, "output": arrays[bundle.network["output"]]}


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a .npz file whole or not at all (numpy.savez cannot hold an array that is called `file`)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(buffer.getbuffer())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another path") from error


if __name__ == "__main__":
    main()
