"""NIR files for tests: a small good one, and ways to change it into something else."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from msc.backends.nir.reading.hdf5 import NirFileError, read_raw

WEIGHT = "node/nodes/w/weight"
TYPE = "node/nodes/w/type"
EDGES = "node/edges"


@cache
def good_bytes() -> bytes:
    """Input -> w (Affine) -> lif -> output, three wide, as nir.write writes it."""
    weight = np.eye(3, dtype=np.float32) * np.arange(1, 4, dtype=np.float32)
    neuron = {name: np.full(3, value) for name, value in (("tau", 0.1), ("r", 1.0), ("v_leak", 0.0))}
    nodes = {
        "input": nir.Input({"input": np.array([3])}),
        "w": nir.Affine(weight, np.zeros(3, np.float32)),
        "lif": nir.LIF(**neuron, v_threshold=np.array([1.0, 2.0, 3.0])),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = [("input", "w"), ("w", "lif"), ("lif", "output")]
    return written(nir.NIRGraph(nodes, edges))


def written(graph: Any) -> bytes:
    """Return what nir.write writes."""
    file = io.BytesIO()
    nir.write(file, graph)
    return file.getvalue()


def changed(path: Path, change: Callable[[Any], object]) -> Path:
    """Write the good file with a change made by h5py."""
    path.write_bytes(good_bytes())
    with h5py.File(path, "a") as file:
        change(file)
    return path


def replaced(name: str, *args: Any, **kwargs: Any) -> Callable[[Any], object]:
    """Make the change that puts another dataset in the place of one."""

    def change(file: Any) -> None:
        del file[name]
        file.create_dataset(name, *args, **kwargs)

    return change


def linked(name: str, link: Any) -> Callable[[Any], object]:
    """Make the change that puts a link in the place of a member."""

    def change(file: Any) -> None:
        if name in file:
            del file[name]
        file[name] = link

    return change


def without(*names: str) -> Callable[[Any], object]:
    """Make the change that removes members."""

    def change(file: Any) -> None:
        for name in names:
            del file[name]

    return change


def message(path: Path) -> str:
    """Return what the error says that the file raises, with FILE for its name."""
    with pytest.raises(NirFileError) as caught:
        read_raw(path)
    return str(caught.value).replace(str(path), "FILE")


def endless_bytes() -> bytes:
    """Return the good file with an object of size 0 in its heap of texts, which HDF5 2.0.0 reads forever."""
    data = bytearray(good_bytes())
    place = data.index(b"GCOL") + 16  # the first object: its number, its size at 8, its value padded to 8
    size = int.from_bytes(data[place + 8 : place + 16], "little")
    second = place + 16 + -(-size // 8) * 8
    data[second : second + 16] = bytes(16)
    return bytes(data)
