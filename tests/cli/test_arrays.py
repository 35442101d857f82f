"""Input arrays: what numpy.save writes is read, anything else is refused, and nothing is unpickled."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.compiler.cli.arrays import ArrayError, read_array
from msc.ir.errors import MscError


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64", "bool", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_reads_what_numpy_saves(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 3, dtype=dtype, order="F" if order == "F" else "C")
    np.save(tmp_path / "x.npy", array)
    found = read_array(str(tmp_path / "x.npy"))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def message(path: Path) -> str:
    with pytest.raises(MscError) as caught:
        read_array(str(path))
    return str(caught.value)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(tmp_path / "sprung"), "w"))

    np.save(tmp_path / "x.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    assert "dtype object is not numeric; save it as float32 or uint8" in message(tmp_path / "x.npy")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("dtype", ["U3", "S3", "complex64", "M8[s]", [("a", "f4")]])
def test_other_kinds_of_data_are_refused(tmp_path: Path, dtype: object) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3, dtype=dtype))
    assert "is not numeric" in message(tmp_path / "x.npy")


def test_archives_are_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    assert "is an .npz archive; save one array with numpy.save" in message(tmp_path / "x.npz")


def test_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_text("1 2 3")
    assert "is no .npy file" in message(tmp_path / "x.npy")


def test_header_may_not_claim_more_than_there_is(tmp_path: Path) -> None:
    """The claim is checked before memory is taken: 8 TB would not fit anywhere."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    (tmp_path / "x.npy").write_bytes(stream.getvalue() + b"\0" * 80)
    assert "holds 80 bytes of data, shape [1000000, 1000000] of float64 needs 8000000000000" in message(
        tmp_path / "x.npy"
    )


@given(cut=st.integers(0, 127), noise=st.binary(max_size=12))
def test_damaged_files_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes
) -> None:
    """Whatever is done to the header, the answer is an array or an ArrayError."""
    stream = io.BytesIO()
    np.save(stream, np.ones((2, 3), np.float32))
    data = stream.getvalue()
    path = tmp_path_factory.getbasetemp() / "damaged.npy"
    path.write_bytes(data[:cut] + noise + data[cut + len(noise) :])
    with suppress(ArrayError):
        assert read_array(str(path)).dtype.kind in "biuf"


@pytest.mark.parametrize(
    "header",
    [b"", b"[" * 9000, b"-" * 9000 + b"1", b"{'descr': '<f4'}", b"{1: 2}", b"\xff", b"()" * 400],
)
def test_broken_headers_are_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "has a broken .npy header; save the array again" in message(tmp_path / "x.npy")


@pytest.mark.parametrize("shape", ["(-1, -6)", "(True,)", "(2.0,)", "[6]"])
def test_shapes_are_sizes(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    length = len(header).to_bytes(2, "little")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + length + header + b"0" * 24)
    assert "has a broken .npy header" in message(tmp_path / "x.npy")
