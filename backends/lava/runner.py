"""Runs a bundle on real Lava, in a process that ends in time and leaves nothing behind."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.lava.interpreters import find_interpreter
from msc.backends.lava.processes import Ended, supervised
from msc.backends.simulators.contracts import CannotRunError
from msc.ir.errors import Problem, raise_all
from msc.ir.files import write_atomic
from msc.ir.network import Network
from msc.ir.ops import Conv2d
from msc.ir.shapes import population_shapes

SCRIPT = "run_lava.py"
VOLTAGE = "/voltage"
NAME = "lava"
_BUNDLE, _INPUT, _OUTPUT = "bundle", "input.npy", "out.npz"
_AGAIN = "compile the network again"
_MENDS = "try again, or run msc doctor --install lava, which mends its environment"
# Measured on Lava 0.10 (a busy core): to build, start and stop a network; per step, population, pair of
# channels that a kernel joins (Lava loops over them in Python), and multiplication.
_START_SECONDS, _POPULATION_SECONDS = 5.0, 2e-3
_PAIR_SECONDS, _PRODUCT_SECONDS = 2e-5, 5e-9
_LEAST_SECONDS, _MARGIN = 120.0, 8.0
_REFUSED = 2  # run_lava.py's exit code where it says in one line what is wrong


def run_on_lava(
    files: Mapping[str, bytes],
    inputs: NDArray[Any],
    timesteps: int | None,
    machine: bool = False,
    seconds: float = 600.0,
) -> dict[str, NDArray[Any]]:
    """Run a bundle on real Lava; returns each population's spikes, uint8 [T, B, *shape], and `output`.

    `inputs` as `msc run` takes them; `timesteps` counts logical steps (None: as bundle or input say).
    With `machine` the populations are those of the retimed network, relays too, in machine steps, and
    `NAME/voltage` is the membrane at the end, int32 [B, *shape]. Past `seconds` the run is stopped.

    However it ends, no process of it is left, no shared memory, no file. Raises CannotRunError: there is no
    interpreter, the script refuses, crashes or hangs, its output cannot be.
    """
    python = find_interpreter()
    arguments = ["--machine"] if machine else []
    arguments += [] if timesteps is None else ["--timesteps", str(timesteps)]
    try:
        with supervised() as run:
            _write(run.folder, files, inputs)
            shared = ("--shared-memory-prefix", run.segment_prefix)
            command = [python, Path(_BUNDLE, SCRIPT), _INPUT, "-o", _OUTPUT, *arguments, *shared]
            _check_ending(run.call(command, seconds), seconds)
            return _read(run.folder / _OUTPUT, machine)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotRunError.of(NAME, f"cannot be run with {python} ({reason})", "see msc doctor") from error


def time_limit(network: Network, steps: int, samples: int) -> float:
    """The seconds after which a run on Lava counts as hanging: 120 and eight times what it should take.

    `network` is the machine network, `steps` its machine steps. What a run takes is estimated from its
    populations, the pairs of channels its kernels join, and its multiplications.
    """
    shapes = population_shapes(network)
    step = _POPULATION_SECONDS * len(network.populations)
    for projection in network.projections:
        made = shapes[projection.target]
        read = shapes[projection.source]
        kernel = next((op for op in projection.ops if isinstance(op, Conv2d)), None)
        if kernel is None:
            step += prod(read) * (prod(made) if projection.ops else 1) * _PRODUCT_SECONDS
            continue
        pairs = kernel.out_channels * read[0] // kernel.groups
        step += pairs * (_PAIR_SECONDS + prod(read[1:]) * prod(kernel.kernel) * _PRODUCT_SECONDS)
    return round(_LEAST_SECONDS + _MARGIN * samples * (_START_SECONDS + steps * step), 0)


def _write(folder: Path, files: Mapping[str, bytes], inputs: NDArray[Any]) -> None:
    for name, data in files.items():
        path = folder / _BUNDLE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    stream = io.BytesIO()
    np.save(stream, inputs, allow_pickle=False)
    write_atomic(folder / _INPUT, stream.getbuffer())


def _check_ending(ended: Ended, seconds: float) -> None:
    if ended.code is None:
        what = f"gave no answer within {seconds:g} s and was stopped"
        raise CannotRunError.of(NAME, what, "show it fewer samples or time steps")
    if ended.code == _REFUSED:
        raise CannotRunError.of(NAME, ended.last_words, _AGAIN)
    if ended.code != 0:
        raise CannotRunError.of(NAME, f"its process {ended.ending}", _MENDS)


def _read(path: Path, machine: bool) -> dict[str, NDArray[Any]]:
    """Read what the script wrote; nothing in it is believed before it is looked at."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        what = f"wrote no output that can be read ({' '.join((reason or str(error)).split())[:200]})"
        raise CannotRunError.of(NAME, what, _AGAIN) from error
    raise_all(CannotRunError, [Problem(NAME, what, _AGAIN) for what in _unfit(arrays, machine)])
    return arrays


def _unfit(arrays: Mapping[str, NDArray[Any]], machine: bool) -> list[str]:
    """List what cannot be of what was read."""
    wrong = [] if "output" in arrays or machine else ["wrote no array output"]
    voltages = {name for name in arrays if name.endswith(VOLTAGE)}
    for name, array in arrays.items():
        expected = np.dtype(np.int32 if name in voltages else np.uint8)
        if array.dtype != expected:
            wrong.append(f"its {name} is {array.dtype}, not {expected}")
        elif array.ndim < (2 if name in voltages else 3):
            wrong.append(f"its {name} has shape {list(array.shape)}")
        elif name not in voltages and array.size and array.max() > 1:
            wrong.append(f"its {name} holds values that are no spikes")
    if not wrong and len({array.shape[:2] for name, array in arrays.items() if name not in voltages}) != 1:
        wrong.append("its populations differ in steps or samples")
    return wrong
