"""Telling what a path names: a genome file, a NIR file, the folder of an artefact, or none of them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from pathlib import Path

from msc.compiler.cli.failures import UsageError

NIR_SUFFIX = ".nir"
WANTED = "give a genome file (JSON), a NIR file or a folder that msc compile made"
_GENOME_FIX = "give a genome file (JSON)"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FOLDER = "give the folder of the artefact it belongs to"
_PICKLE = "is no file that msc reads: such files run code when they are loaded"
_REFUSED = {
    ".onnx": ("is an ONNX file", _FOLDER),
    ".net": ("is a file of Lava", _FOLDER),
    ".py": ("is a Python file", _FOLDER),
    ".safetensors": (
        "is a weights file",
        "give the genome and this file with --weights, or the folder of the artefact it belongs to",
    ),
    **dict.fromkeys((".npy", ".npz"), ("is a data file", "give a network, and input with --input")),
    **dict.fromkeys(
        (".pt", ".pth", ".pkl", ".pickle", ".ckpt"),
        (_PICKLE, "export the network to NIR, or give the genome it came from"),
    ),
}


class Kind(Enum):
    """What commands can be given, as they call it."""

    GENOME = "a genome file"
    NIR = "a NIR file"
    FOLDER = "a folder"


def kind_of(path: str) -> Kind:
    """Tell folders and NIR files (by suffix, or by how HDF5 files begin); all else is read as a genome.

    Raises UsageError for files of known other kinds.
    """
    if os.path.isdir(path):
        return Kind.FOLDER
    suffix = Path(path).suffix.lower()
    if suffix == NIR_SUFFIX:
        return Kind.NIR
    if suffix in _REFUSED and os.path.lexists(path):
        what, fix = _REFUSED[suffix]
        raise UsageError.of(path, what, fix)
    return Kind.NIR if _begins_as_hdf5(path) else Kind.GENOME


def genome_only(path: str) -> None:
    """Refuse what is no genome file, for the commands that take nothing else."""
    try:
        kind = kind_of(path)
    except UsageError as error:
        raise UsageError(replace(p, fix=_GENOME_FIX) for p in error.problems) from error
    if kind is not Kind.GENOME:
        raise UsageError.of(path, f"is {kind.value}", _GENOME_FIX)


def _begins_as_hdf5(path: str) -> bool:
    """Look at the first bytes; whoever reads the file says why it cannot be read."""
    with suppress(OSError, ValueError):
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(len(_HDF5)) == _HDF5
    return False
