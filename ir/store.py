"""One file that holds a model: a zip of its text form and its weights as .npy, without pickle."""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import numpy as np

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import read_limited, write_atomic
from msc.ir.network import Array, Model, Network
from msc.ir.ops import Shape
from msc.ir.shapes import weight_shapes
from msc.ir.text import MAX_CHARACTERS, parse_network, print_network
from msc.ir.verify import verify, verify_model

VERSION = b"msc.model 1\n"
MAX_FILE_BYTES = 2**31
MAX_ENTRIES = 50_000

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_DIRECTORY_BYTES = 256 * MAX_ENTRIES
_NPY_HEADER = re.compile(rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \(([0-9, ]{0,200})\), \} *\n")
_REPAIR = "save the model again"
_CORRUPT = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


class StoreError(MscError):
    """A file is no model file, or a damaged one."""


def save_model(path: str | os.PathLike[str], model: Model) -> None:
    """Save a model in one file; equal models make equal bytes.

    The zip holds `version`, `network.txt` (`msc.ir.text`) and `weights/{name}.npy` (little-endian
    float32, NumPy's format 1.0), uncompressed. Raises InvalidNetworkError or FileError.
    """
    verify_model(model)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("version"), VERSION)
        archive.writestr(_entry("network.txt"), print_network(model.network))
        for name in sorted(model.weights):
            with archive.open(_entry(_entry_name(name)), "w") as entry:
                array = np.ascontiguousarray(model.weights[name], dtype="<f4")
                np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
    write_atomic(path, buffer.getbuffer())


def load_model(path: str | os.PathLike[str]) -> Model:
    """Load a model saved by `save_model` and verify it.

    Reads nothing into memory that the network does not call for: every entry's size is known from the
    network's shapes before it is read. Raises FileError, StoreError, TextError or InvalidNetworkError.
    """
    where = os.fspath(path)
    data = read_limited(path, MAX_FILE_BYTES, "model file")
    _check_directory(where, data)
    with _told_of_damage(where):
        archive = zipfile.ZipFile(io.BytesIO(data))
    with archive:
        network = _read_network(where, archive)
        model = Model(network, _read_weights(where, archive, network))
    verify_model(model)
    return model


@contextmanager
def _told_of_damage(where: str) -> Generator[None]:
    """Turn what zipfile raises for damaged bytes into a StoreError."""
    try:
        yield
    except _CORRUPT as error:
        raise StoreError.of(where, f"is no model file, or a damaged one ({error})", _REPAIR) from error


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, 0o644 << 16
    return info


def _entry_name(weight: str) -> str:
    return f"weights/{weight}.npy"


def _check_directory(where: str, data: bytes) -> None:
    """Refuse a zip directory too large to read, before zipfile builds an object for each of its entries."""
    end = data.rfind(b"PK\x05\x06")
    if end < 0 or len(data) < end + 22:
        raise StoreError.of(where, "is no model file, or a damaged one (no zip directory)", _REPAIR)
    entries, size = struct.unpack("<HL", data[end + 10 : end + 16])
    if b"PK\x06\x07" in data[max(0, end - 20) : end] or entries > MAX_ENTRIES or size > _MAX_DIRECTORY_BYTES:
        raise StoreError.of(where, f"has more than {MAX_ENTRIES} entries", "give a smaller model")


def _read_network(where: str, archive: zipfile.ZipFile) -> Network:
    names = Counter(archive.namelist())
    problems = [
        Problem(f"{where}, entry {name}", "is missing", _REPAIR)
        for name in ("version", "network.txt")
        if name not in names
    ]
    problems += [
        Problem(f"{where}, entry {name!r}", "is there more than once", _REPAIR)
        for name, n in names.items()
        if n > 1
    ]
    raise_all(StoreError, problems)
    version = _read_entry(where, archive, "version", 100)
    if version != VERSION:
        found, expected = version.decode(errors="replace").strip(), VERSION.decode().strip()
        raise StoreError.of(where, f"expected {expected!r}, found {found!r}", "save it with this msc")
    text = _read_entry(where, archive, "network.txt", 4 * MAX_CHARACTERS)
    network = parse_network(text.decode("utf-8", errors="replace"), f"{where}, network.txt")
    verify(network)
    return network


def _read_weights(where: str, archive: zipfile.ZipFile, network: Network) -> Mapping[str, Array]:
    expected = weight_shapes(network)
    found = set(archive.namelist()) - {"version", "network.txt"}
    wanted = {_entry_name(name) for name in expected}
    problems = [Problem(f"{where}, entry {name!r}", "is missing", _REPAIR) for name in sorted(wanted - found)]
    problems += [
        Problem(f"{where}, entry {name!r}", "belongs to no part of the network", _REPAIR)
        for name in sorted(found - wanted)
    ]
    raise_all(StoreError, problems)
    return {name: _read_array(where, archive, _entry_name(name), shape) for name, shape in expected.items()}


def _read_array(where: str, archive: zipfile.ZipFile, name: str, shape: Shape) -> Array:
    values = int(np.prod(shape, dtype=object))
    data = _read_entry(where, archive, name, 4 * values + 1000)
    start = 10 + int.from_bytes(data[8:10], "little")
    header = _NPY_HEADER.fullmatch(data[10:start]) if data[:8] == b"\x93NUMPY\x01\x00" else None
    if header is None:
        raise StoreError.of(f"{where}, entry {name!r}", "is no float32 array in .npy format 1.0", _REPAIR)
    stored = tuple(int(n) for n in re.findall(rb"[0-9]+", header.group(1)))
    if stored != shape or len(data) - start != 4 * values:
        wrong = (
            f"holds {len(data) - start} bytes for shape {list(stored)}, not {4 * values} for {list(shape)}"
        )
        raise StoreError.of(f"{where}, entry {name!r}", wrong, _REPAIR)
    return np.frombuffer(data, "<f4", offset=start).reshape(shape).astype(np.float32)


def _read_entry(where: str, archive: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    """Read one entry of at most `limit_bytes`, by its declared and by its true size."""
    info = archive.getinfo(name)
    data = b""
    if info.file_size <= limit_bytes:
        with _told_of_damage(f"{where}, entry {name!r}"), archive.open(info) as entry:
            data = entry.read(limit_bytes + 1)
    if max(info.file_size, len(data)) > limit_bytes:
        raise StoreError.of(f"{where}, entry {name!r}", f"is larger than {limit_bytes} bytes", _REPAIR)
    return data
