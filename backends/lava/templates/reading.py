"""Part of run_lava.py: reads the bundle and the input, and refuses what does not fit."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FORMAT, VERSION = "msc.lava", 1


class UserError(Exception):
    """Something that a person can put right, told in one line."""


@dataclass(frozen=True)
class Bundle:
    """The network of this folder: what network.json says, and the integer arrays of weights.npz by name."""

    network: dict[str, Any]
    weights: dict[str, np.ndarray]

    @property
    def latency(self) -> int:
        """The machine steps that the network runs longer than its logical steps."""
        return self.network["latency"]

    def population(self, name: str) -> dict[str, Any]:
        """What network.json says about a population."""
        return next(p for p in self.network["populations"] if p["name"] == name)


def read_bundle(folder: Path) -> Bundle:
    """Read the bundle in a folder, whose files must be those that msc wrote."""
    sums: dict[str, str] = {}
    for line in _read(folder / "SHA256SUMS").decode("ascii", "replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name] = digest
    files = {name: _read(folder / name) for name in ("network.json", "weights.npz")}
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != sums.get(name):
            raise UserError(f"{name}: was changed after msc wrote it; compile the genome again")
    network = json.loads(files["network.json"])
    found = network.get("format"), network.get("version")
    if found != (FORMAT, VERSION):
        raise UserError(f"network.json: is of format {found}, this script reads {(FORMAT, VERSION)}")
    with np.load(io.BytesIO(files["weights.npz"]), allow_pickle=False) as arrays:
        return Bundle(network, {name: arrays[name] for name in arrays.files})


def read_input(path: Path) -> np.ndarray:
    """Read a .npy file of numbers."""
    try:
        inputs = np.load(io.BytesIO(_read(path)), allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: is no .npy file ({error}); save one array with numpy.save") from error
    if not isinstance(inputs, np.ndarray) or inputs.dtype.kind not in "fiub":
        raise UserError(f"{path}: is no array of numbers; save one array with numpy.save")
    return inputs


def check_input(network: dict[str, Any], inputs: np.ndarray, timesteps: int | None) -> tuple[np.ndarray, int]:
    """Check an input, [B, *shape] if it is static, else [T, B, *shape]; returns it as float64, and T."""
    source = network["input"]
    static, shape = source["kind"] == "static", tuple(source["shape"])
    leading = 1 if static else 2
    expected = ",".join(["B" if static else "T,B", *map(str, shape)])
    if inputs.ndim != leading + len(shape) or inputs.shape[leading:] != shape or not inputs.size:
        raise UserError(f"input: has shape {list(inputs.shape)}; give an array of shape [{expected}]")
    with np.errstate(over="ignore"):
        values = inputs.astype(np.float32).astype(np.float64)
    if not np.isfinite(values).all():
        raise UserError("input: holds values that are not finite; remove NaN and infinity")
    if source["kind"] == "events":
        if ((values < 0) | (values % 1 != 0)).any():
            raise UserError("input: holds values that are no event counts; give integers >= 0")
        values = np.minimum(values, 1)
    steps = (timesteps or network["timesteps"]) if static else len(inputs)
    if steps is None:
        raise UserError("timesteps: a static frame needs a number of time steps; give --timesteps")
    if timesteps not in (None, steps):
        raise UserError(f"timesteps: the input has {steps} steps, not {timesteps}; leave --timesteps out")
    return values, steps


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
