"""Weight files: safetensors with the genome's hash in them, read and written without spare copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BufferedIOBase, BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import open_limited

FORMAT = "msc.weights"
VERSION = "1"
LIMIT_BYTES = 4 << 30
MAX_ARRAYS = 50_000
_HEADER_LIMIT_BYTES = 16 << 20  # a network of the longest text, and as many arrays
_ITEM_BYTES = 4
_AGAIN = "write the file again"
_TRAINED = "give the weights.safetensors that training wrote"


class WeightsError(MscError):
    """A file is no msc weight file, or a damaged one."""


class _Entry(msgspec.Struct):
    """One array in the header: its type, shape, and where its bytes lie behind the header."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def write_weights(weights: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]) -> bytes:
    """Make the bytes of a safetensors file with the arrays sorted by name; equal input, equal bytes.

    `metadata` says `genome` (its hash) and what else belongs to the file; `format` and `version` are
    filled in where it does not name them.
    """
    header: dict[str, Any] = {
        "__metadata__": dict(sorted({"format": FORMAT, "version": VERSION, **metadata}.items()))
    }
    buffers: list[Any] = []
    start = 0
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f4")
        end = start + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(weights[name].shape), "data_offsets": [start, end]}
        buffers.append(array.reshape(-1).view(np.uint8))
        start = end
    encoded = msgspec.json.encode(header)
    encoded += b" " * (-len(encoded) % 8)
    return b"".join([len(encoded).to_bytes(8, "little"), encoded, *buffers])


def read_weights(
    path: str | Path, format: str = FORMAT, fix: str = _TRAINED
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Read a weight file, or another `format` of arrays; returns the arrays, each with its own memory,
    and the metadata.

    (Of their own, so that a pass that replaces one lets it go.) Raises FileError where the file cannot be
    read, WeightsError where it is damaged, of another format or version (`fix` says what to do then), or
    holds anything but float32 arrays, listing every offender.
    """
    with open_limited(path, LIMIT_BYTES, "weight file") as (file, size):
        return _read(str(path), file, size, format, fix)


def parse_weights(
    data: bytes, where: str, format: str = FORMAT, fix: str = _TRAINED
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Read the bytes of a weight file, called `where` in errors, as `read_weights` does."""
    return _read(where, BytesIO(data), len(data), format, fix)


def _read(
    where: str, file: BinaryIO, size: int, format: str, fix: str
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    entries, metadata, start = _header(where, file, size, format, fix)
    raise_all(WeightsError, _problems(where, entries, size - start))
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        memory = bytearray(prod(entry.shape) * _ITEM_BYTES)
        file.seek(start + entry.data_offsets[0])
        if cast(BufferedIOBase, file).readinto(memory) != len(memory):
            raise WeightsError.of(where, "became shorter while it was read", _AGAIN)
        arrays[name] = np.ndarray(entry.shape, "<f4", memory)
    return arrays, metadata


def _header(
    where: str, file: BinaryIO, available: int, format: str, fix: str
) -> tuple[dict[str, _Entry], dict[str, str], int]:
    """Decode the header; returns its entries, its metadata and where the arrays' bytes start."""
    size = int.from_bytes(file.read(8), "little")
    if available < 8 or size > min(available - 8, _HEADER_LIMIT_BYTES):
        raise WeightsError.of(where, "is no safetensors file, or is cut off", fix)
    try:
        raw = msgspec.json.decode(file.read(size), type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(raw.pop("__metadata__", b"{}"), type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WeightsError.of(where, f"its safetensors header is damaged ({error})", _AGAIN) from error
    found = f"format {metadata.get('format', 'none')!r}, version {metadata.get('version', 'none')!r}"
    if (metadata.get("format"), metadata.get("version")) != (format, VERSION):
        raise WeightsError.of(where, f"is of {found}, expected {format!r}, {VERSION!r}", fix)
    if len(raw) > MAX_ARRAYS:
        raise WeightsError.of(where, f"has {len(raw)} arrays, more than {MAX_ARRAYS}", fix)
    entries: dict[str, _Entry] = {}
    problems: list[Problem] = []
    for name, entry in raw.items():
        try:
            entries[name] = msgspec.json.decode(entry, type=_Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            problems.append(Problem(f"{where}, array {name}", f"its header is damaged ({error})", _AGAIN))
    raise_all(WeightsError, problems)
    return entries, metadata, 8 + size


def _problems(where: str, entries: Mapping[str, _Entry], available: int) -> Iterator[Problem]:
    """Find entries that are not float32 or whose bytes are missing, overlap or leave holes."""
    expected = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        begin, end = entry.data_offsets
        if entry.dtype != "F32":
            yield Problem(
                f"{where}, array {name}", f"holds {entry.dtype} values", "store it as float32 (F32)"
            )
        elif not _possible(entry.shape) or prod(entry.shape) * _ITEM_BYTES != end - begin:
            yield Problem(
                f"{where}, array {name}",
                f"its {end - begin} bytes are not those of shape {entry.shape}",
                _AGAIN,
            )
        elif begin != expected or end > available:
            yield Problem(
                f"{where}, array {name}", f"its bytes [{begin}, {end}) are misplaced or cut off", _AGAIN
            )
        expected = end
    if expected < available:
        yield Problem(where, f"holds {available - expected} bytes that belong to no array", _AGAIN)


def _possible(shape: list[int]) -> bool:
    """Whether numpy can hold an array of this shape, be it empty."""
    return len(shape) <= 32 and min(shape, default=0) >= 0 and prod(max(n, 1) for n in shape) <= LIMIT_BYTES
