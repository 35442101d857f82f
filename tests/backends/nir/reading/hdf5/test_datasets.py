"""Arrays are read whatever usual way they are stored in, and refused where it is an unusual one."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from msc.backends.nir.reading.hdf5 import limits, read_raw
from msc.backends.nir.reading.hdf5.datasets import boxes
from tests.backends.nir.reading.hdf5.files import EDGES, WEIGHT, changed, message, replaced

NUMBERS = "write it as floats of 16, 32 or 64 bits or as integers"
FILTERS = "write the file with nir.write, which compresses by gzip"
SMALLER = "split the network or write a smaller one"
ALLOWED = "all arrays together may declare N more"
W = "node/nodes/w"


def fields(path: Path) -> Any:
    return read_raw(path).nodes["w"].fields


def test_every_usual_type_of_number_is_read(tmp_path: Path) -> None:
    types = [
        order + kind
        for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
        for order in "<>"
    ]
    values = np.arange(7)

    def change(file: Any) -> None:
        for name in [*types, "?"]:
            file[W][f"x{name}"] = values.astype(name)

    found = fields(changed(tmp_path / "a.nir", change))
    for name in [*types, "?"]:
        array = found[f"x{name}"]
        assert array.dtype == np.dtype(name).newbyteorder("=")
        np.testing.assert_array_equal(array, values.astype(name))


def test_unusual_types_are_refused(tmp_path: Path) -> None:
    kinds: dict[str, tuple[dict[str, Any], str]] = {
        "a compound": ({"data": np.zeros(3, [("a", "f4"), ("b", "i4")])}, "holds compound data, not numbers"),
        "an opaque": ({"data": np.zeros(3, "V5")}, "holds opaque data, not numbers"),
        "an enum": (
            {"shape": 3, "dtype": h5py.enum_dtype({"a": 1, "b": 2})},
            "holds an enumeration, not numbers",
        ),
        "complex": ({"data": np.ones(3, complex)}, "not numbers"),
        "lists": (
            {"shape": 3, "dtype": h5py.vlen_dtype(np.dtype("f4"))},
            "holds sequences of varying length",
        ),
        "parts": ({"shape": 3, "dtype": np.dtype("(3,)f4")}, "holds arrays in each element, not numbers"),
        "references": ({"shape": 3, "dtype": h5py.ref_dtype}, "holds references, not numbers"),
        "regions": ({"shape": 3, "dtype": h5py.regionref_dtype}, "holds references, not numbers"),
        "long": ({"data": np.ones(3, np.longdouble)}, "has numbers of 128 bits in an unusual layout"),
    }

    def change(file: Any) -> None:
        for name, (how, _) in kinds.items():
            file[W].create_dataset(name, **how)
        brain = h5py.h5t.IEEE_F32LE.copy()
        brain.set_fields(15, 7, 8, 0, 7)
        brain.set_precision(16)
        brain.set_size(2)
        h5py.h5d.create(file[W].id, b"brain floats", brain, h5py.h5s.create_simple((3,)))

    lines = message(changed(tmp_path / "a.nir", change)).splitlines()
    found = {line.split(": ")[0].rsplit("/", 1)[1]: line.split(": ", 1)[1] for line in lines}
    assert found.keys() == {*kinds, "brain floats"}
    for name, (_, what) in kinds.items():
        assert what in found[name]
        assert found[name].endswith(f"; {NUMBERS}")
    assert found["brain floats"] == f"has numbers of 16 bits in an unusual layout; {NUMBERS}"


def test_values_elsewhere_and_unusual_storage_are_refused(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        group = file[W]
        group.create_dataset("external", (3,), "f4", external=[("/dev/zero", 0, 12)])
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("other.nir", "/x", (3,))
        group.create_virtual_dataset("virtual", layout)
        group.create_dataset("scaled", data=np.arange(9), chunks=(9,), scaleoffset=True)
        group["null"] = h5py.Empty("f4")
        group.create_dataset("one chunk", (1 << 24,), "f4", chunks=(1 << 24,), compression="gzip")[0] = 1
        group.create_dataset("chunks", (1 << 24,), "f4", chunks=(1,))[0] = 1
        group.create_dataset("wide", (1 << 30, 1 << 30), "f4", chunks=(1 << 10, 1 << 10))

    text = re.sub(r"declare \d+ more", "declare N more", message(changed(tmp_path / "a.nir", change)))
    assert text.splitlines() == [
        f"FILE, /{W}/chunks: is stored in 16777216 chunks; 1000000 are allowed; {FILTERS}",
        f"FILE, /{W}/external: keeps its values in another file; store them in the NIR file itself",
        f"FILE, /{W}/null: is empty and has no shape; leave it out or give it values",
        f"FILE, /{W}/one chunk: is stored in chunks of 67108864 bytes; 33554432 are allowed; {FILTERS}",
        f"FILE, /{W}/scaled: is stored with filter 6, which is not supported; {FILTERS}",
        f"FILE, /{W}/virtual: is a virtual dataset, whose values lie elsewhere; store the values themselves",
        f"FILE, /{W}/wide: declares 4611686018427387904 bytes; {ALLOWED}; {SMALLER}",
    ]


def test_plugins_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that HDF5 does not know makes it search the folder of plugins, which a file must not cause."""
    (tmp_path / "libevil.so").write_bytes(b"no library")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))

    def change(file: Any) -> None:
        del file[WEIGHT]
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((3, 3))
        made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
        space = h5py.h5s.create_simple((3, 3))
        h5py.h5d.create(file[W].id, b"weight", h5py.h5t.IEEE_F32LE, space, made)

    text = f"is stored with filter 32015, which is not supported; {FILTERS}"
    assert message(changed(tmp_path / "a.nir", change)) == f"FILE, /{WEIGHT}: {text}"


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize("name", ["contiguous", "gzip", "lzf", "shuffled", "sums", "odd chunks", "resized"])
def test_arrays_are_the_same_however_they_are_stored(name: str, tmp_path: Path) -> None:
    values = np.random.default_rng(1).standard_normal((130, 7, 501)).astype(np.float32)
    values[:20] = 3
    how: dict[str, dict[str, Any]] = {
        "contiguous": {},
        "gzip": {"compression": "gzip"},
        "lzf": {"compression": "lzf"},
        "shuffled": {"compression": "gzip", "shuffle": True},
        "sums": {"fletcher32": True},
        "odd chunks": {"chunks": (3, 7, 400), "compression": "gzip"},
        "resized": {"chunks": (50, 2, 90), "maxshape": (None, 7, None)},
    }
    found = fields(changed(tmp_path / "a.nir", replaced(WEIGHT, data=values, **how[name])))["weight"]
    np.testing.assert_array_equal(found, values)
    assert not found.flags.writeable


def test_uniform_arrays_take_the_memory_of_one_value(tmp_path: Path) -> None:
    """Uniform to the bit, also over many blocks, and where nothing but the fill value was ever stored."""
    count = 3 * limits.BLOCK_BYTES // 4
    zeros = np.zeros(count, np.float32)
    negative = zeros.copy()
    negative[-1] = -0.0
    blocks = np.repeat(np.float32([1, 1, 2]), count // 3)
    arrays = {"zeros": zeros, "nans": np.full(count, np.nan, np.float32), "one": np.float32([7])}

    def change(file: Any) -> None:
        for name, array in {**arrays, "negative": negative, "blocks": blocks}.items():
            file[W].create_dataset(name, data=array, compression="gzip")
        file[W].create_dataset("unwritten", (1 << 14, 1 << 14), "f4", chunks=(64, 64), fillvalue=2.5)
        file[W]["scalar"] = 4.0

    found = fields(changed(tmp_path / "a.nir", change))
    for name, array in arrays.items():
        assert found[name].strides == (0,)
        np.testing.assert_array_equal(found[name], array)
    assert found["unwritten"].shape == (1 << 14, 1 << 14)
    assert found["unwritten"].strides == (0, 0)
    assert found["unwritten"][5, 6] == 2.5
    assert found["scalar"] == 4.0
    for name, array in {"negative": negative, "blocks": blocks}.items():
        assert found[name].strides == (4,)
        np.testing.assert_array_equal(found[name].view(np.int32), array.view(np.int32))


def test_arrays_without_elements_keep_their_shape(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", replaced(WEIGHT, shape=(0, 5, 0), dtype="f4"))
    assert fields(path)["weight"].shape == (0, 5, 0)


def test_texts_keep_their_order_and_shape(tmp_path: Path) -> None:
    names = [[f"n{i}", f"é{i}" * 20] for i in range(5_000)]
    path = changed(tmp_path / "a.nir", replaced(EDGES, data=names))
    assert read_raw(path).edges == tuple(map(tuple, names))


def test_more_texts_than_edges_can_be_are_refused(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", replaced(EDGES, shape=(1_000_000, 2), dtype=h5py.string_dtype()))
    assert message(path) == f"FILE, /{EDGES}: has 2000000 texts; {limits.TEXTS} are allowed; {SMALLER}"


@pytest.mark.parametrize(
    ("shape", "unit", "most"),
    [
        ((), (), 100),
        ((5,), (1,), 100),
        ((1000,), (1,), 96),
        ((7, 11, 13), (1, 1, 1), 400),
        ((7, 11, 13), (2, 5, 3), 400),
        ((7, 11, 13), (7, 11, 13), 8),
        ((30, 30), (1, 40), 1000),
    ],
)
def test_blocks_cover_each_element_once_and_keep_to_chunks(
    shape: tuple[int, ...], unit: tuple[int, ...], most: int
) -> None:
    seen = np.zeros(shape, int)
    for starts, counts in boxes(shape, unit, 4, most):
        assert 4 * math.prod(counts) <= max(most, 4 * math.prod(unit))
        assert all(start % part == 0 for start, part in zip(starts, unit, strict=True))
        seen[tuple(slice(start, start + count) for start, count in zip(starts, counts, strict=True))] += 1
    assert (seen == 1).all()
