"""Frames that were made once from events, kept as .npy files in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from msc.compiler.cache import cache_folder
from msc.search.data import DataError

FORMAT = 1  # of the frames: raise it where the same settings come to mean other frames
PARTS = ("train", "test")
_BLOCK_SAMPLES = 64
_BLOCK_BYTES = 1 << 26
_BAD_HEADER = (ValueError, SyntaxError, TypeError, OverflowError, TokenError, RecursionError, MemoryError)
_UNREADABLE = (OSError, EOFError, *_BAD_HEADER)

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


def cached(name: str, settings: Mapping[str, Any], build: Callable[[Path], None]) -> tuple[Part, Part]:
    """Return the frames and labels to train and to test on, made by `build` if the cache has none.

    `build` fills a new folder by `writing`; it takes its name in one step. What cannot be read any more is
    made again. The frames stay on the device until they are used (a private memory map).
    Raises DataError where the cache cannot hold them.
    """
    told = json.dumps({"format": FORMAT, "name": name, **settings}, sort_keys=True)
    folder = cache_folder() / "frames" / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    parts = _read(folder)
    if parts is None:
        with _explained(folder):
            _build(folder, build)
        parts = _read(folder)
    if parts is None:
        what = "cannot be read back"
        raise DataError.of(str(folder), what, "set XDG_CACHE_HOME to a folder on another device")
    return parts


def _read(folder: Path) -> tuple[Part, Part] | None:
    try:
        train, test = (_read_part(folder, part) for part in PARTS)
    except _UNREADABLE:
        return None
    return train, test


def _read_part(folder: Path, part: str) -> Part:
    path = folder / f"{part}_inputs.npy"
    mapped = npy.open_memmap(path, mode="c")
    with (folder / f"{part}_labels.npy").open("rb") as file:
        labels = npy.read_array(file, allow_pickle=False)
    whole = path.stat().st_size == mapped.offset + mapped.nbytes
    frames = mapped.dtype == np.float32 and mapped.ndim == 5
    if not whole or not frames or labels.dtype != np.int64 or labels.shape != mapped.shape[1:2]:
        raise ValueError(f"{path} holds no frames")
    return mapped.view(np.ndarray), labels


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    staging = folder.parent / f".msc-{secrets.token_hex(8)}.tmp"
    staging.mkdir(parents=True)
    try:
        build(staging)
        if _read(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            _take_name(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _take_name(staging: Path, folder: Path) -> None:
    """Rename what was built, unless another process that built the same was faster."""
    try:
        os.rename(staging, folder)
    except OSError:
        if _read(folder) is None:
            raise


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        what = f"cannot keep frames there ({(error.strerror or str(error)).lower()})"
        fix = "free some space or set XDG_CACHE_HOME to a folder on another device"
        raise DataError.of(str(folder), what, fix) from error


@dataclass
class FrameWriter:
    """Writes frames [T, N, *shape] to a file, sample by sample, a block at a time."""

    file: BinaryIO
    start: int
    samples: int
    block: NDArray[np.float32]  # [T, block, *shape]
    written: int = 0
    waiting: int = 0

    def add(self, frames: NDArray[np.float32]) -> None:
        """Add one sample, [T, *shape]."""
        self.block[:, self.waiting] = frames
        self.waiting += 1
        if self.waiting == self.block.shape[1]:
            self.flush()

    def flush(self) -> None:
        """Write the samples that wait, each step's to its place."""
        sample_bytes = prod(self.block.shape[2:]) * self.block.itemsize
        for step, frames in enumerate(self.block[:, : self.waiting]):
            self.file.seek(self.start + (step * self.samples + self.written) * sample_bytes)
            self.file.write(np.ascontiguousarray(frames).data)
        self.written += self.waiting
        self.waiting = 0


@contextmanager
def writing(
    folder: Path, part: str, labels: NDArray[np.int64], steps: int, shape: tuple[int, ...]
) -> Generator[FrameWriter]:
    """Write one part's labels and, through the writer, as many samples of frames.

    Raises DataError before anything is written where the device has no room for them.
    """
    whole = (steps, len(labels), *shape)
    needed, free = prod(whole) * 4, shutil.disk_usage(folder).free
    if needed > free:
        what = f"the frames take {needed} bytes, the device has {free} left"
        raise DataError.of(
            str(folder.parent), what, "free some space or set XDG_CACHE_HOME to another device"
        )
    with (folder / f"{part}_labels.npy").open("wb") as file:
        npy.write_array(file, labels, allow_pickle=False)
    with (folder / f"{part}_inputs.npy").open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": whole})
        most = max(1, _BLOCK_BYTES // (steps * prod(shape) * 4))
        block = np.empty((steps, min(_BLOCK_SAMPLES, most, len(labels)), *shape), np.float32)
        writer = FrameWriter(file, file.tell(), len(labels), block)
        yield writer
        writer.flush()
        if writer.written != len(labels):
            raise ValueError(f"{writer.written} samples for {len(labels)} labels")
        file.flush()
        os.fsync(file.fileno())
