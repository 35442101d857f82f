"""Weight files survive a round trip, agree with the safetensors library, and damaged ones are refused."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from msc.backends.weights import WeightsError, parse_weights, read_weights, write_weights
from msc.ir.errors import MscError
from msc.ir.files import FileError

WEIGHTS = {
    "stem/bias": np.arange(4, dtype=np.float32),
    "input>stem/0/weight": np.random.default_rng(0).normal(size=(4, 1, 3, 3)).astype(np.float32),
    "empty": np.zeros((0, 3), np.float32),
}
METADATA = {"genome": "ab" * 32}


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    return path


def test_reads_what_it_writes(tmp_path: Path) -> None:
    weights, metadata = read_weights(written(tmp_path, write_weights(WEIGHTS, METADATA)))
    assert metadata == {"format": "msc.weights", "version": "1", **METADATA}
    assert set(weights) == set(WEIGHTS)
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(weights[name], array)
        assert weights[name].dtype == np.float32


def test_same_arrays_same_bytes_in_any_order_and_layout() -> None:
    turned = {name: np.asfortranarray(WEIGHTS[name]) for name in reversed(WEIGHTS)}
    assert write_weights(turned, METADATA) == write_weights(WEIGHTS, METADATA)


def test_the_safetensors_library_agrees(tmp_path: Path) -> None:
    path = written(tmp_path, write_weights(WEIGHTS, METADATA))
    with safe_open(path, framework="np") as file:
        assert file.metadata()["genome"] == METADATA["genome"]
        for name, array in WEIGHTS.items():
            np.testing.assert_array_equal(file.get_tensor(name), array)
    save_file(WEIGHTS, path, {"format": "msc.weights", "version": "1"})
    for name, array in read_weights(path)[0].items():
        np.testing.assert_array_equal(array, WEIGHTS[name])


def test_reading_and_writing_hold_the_arrays_once(tmp_path: Path) -> None:
    weights = {"a": np.ones((1000, 1000), np.float32), "b": np.ones((2000, 1000), np.float32)}
    size = sum(array.nbytes for array in weights.values())
    tracemalloc.start()
    path = written(tmp_path, write_weights(weights, METADATA))
    written_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    held = read_weights(path)
    read_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held[0]["a"].shape == (1000, 1000)
    assert written_peak < 1.1 * size
    assert read_peak < 1.1 * size


def repacked(change: object) -> bytes:
    """Rewrite the header by `change` (a function of the decoded header)."""
    data = write_weights(WEIGHTS, METADATA)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)  # type: ignore[operator]
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data[8 + size :]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is no safetensors file, or is cut off; give the weights.safetensors that training wrote"),
        (b"\xff" * 100, "is no safetensors file"),
        ((20).to_bytes(8, "little") + b"{" * 20, "its safetensors header is damaged"),
        ((20).to_bytes(8, "little") + b"\xff" * 20, "its safetensors header is damaged"),
        (write_weights(WEIGHTS, METADATA)[:-4], "array stem/bias: its bytes .* are misplaced or cut off"),
        (write_weights(WEIGHTS, METADATA) + b"\0\0", "holds 2 bytes that belong to no array"),
        (
            write_weights(WEIGHTS, {"format": "msc.pytorch"}),
            "is of format 'msc.pytorch', version '1', expected",
        ),
        (write_weights(WEIGHTS, {"version": "2"}), "version '2', expected 'msc.weights', '1'"),
        (repacked(lambda h: h.pop("__metadata__")), "is of format 'none', version 'none'"),
        (
            repacked(lambda h: h["stem/bias"].update(dtype="F64")),
            "array stem/bias: holds F64 values; store it",
        ),
        (repacked(lambda h: h["stem/bias"].update(shape=[5])), r"its 16 bytes are not those of shape \[5\]"),
        (repacked(lambda h: h["stem/bias"].update(shape=[-4])), r"not those of shape \[-4\]"),
        (repacked(lambda h: h["stem/bias"].update(shape=[4, *[1] * 64])), r"not those of shape \[4, 1, 1"),
        (repacked(lambda h: h["empty"].update(shape=[0, 10**15])), r"not those of shape \[0, 10000000"),
        (
            repacked(lambda h: h.update({f"a{i}": {} for i in range(50_000)})),
            "has 50003 arrays, more than 50000; give the weights.safetensors that training wrote",
        ),
        (repacked(lambda h: h["stem/bias"].update(shape="x")), "array stem/bias: its header is damaged"),
        (repacked(lambda h: h["stem/bias"].update(data_offsets=[0, 16])), "misplaced or cut off"),
        (
            repacked(lambda h: h["__metadata__"].update(genome=[["deep"] * 3])),
            "its safetensors header is damaged",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    with pytest.raises(WeightsError, match=text) as caught:
        read_weights(written(tmp_path, data))
    assert str(tmp_path) in str(caught.value)


def test_bytes_are_read_as_files_are(tmp_path: Path) -> None:
    data = write_weights(WEIGHTS, METADATA)
    arrays, metadata = parse_weights(data, "bytes")
    stored, described = read_weights(written(tmp_path, data))
    assert metadata == described
    assert all(np.array_equal(arrays[name], stored[name]) for name in WEIGHTS)
    arrays["stem/bias"][0] = 7  # in memory of its own
    assert parse_weights(data, "bytes")[0]["stem/bias"][0] == 0
    with pytest.raises(WeightsError, match=r"^bytes: is of format 'msc.weights', .*; compile again$"):
        parse_weights(data, "bytes", "msc.pytorch", "compile again")


def test_every_offender_is_listed(tmp_path: Path) -> None:
    def change(header: dict[str, dict[str, object]]) -> None:
        header["stem/bias"]["dtype"] = "F16"
        header["input>stem/0/weight"]["shape"] = [7]

    with pytest.raises(WeightsError) as caught:
        read_weights(written(tmp_path, repacked(change)))
    assert len(caught.value.problems) == 2


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read the weight file"):
        read_weights(tmp_path / "none")
    with pytest.raises(FileError, match="name a file, not a folder"):
        read_weights(tmp_path)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_any_damage_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, patch: bytes
) -> None:
    data = write_weights(WEIGHTS, METADATA)
    path = tmp_path_factory.mktemp("damaged") / "w"
    path.write_bytes(data[:at] + patch + data[at + len(patch) :])
    with suppress(MscError):
        weights, _ = read_weights(path)
        assert all(array.dtype == np.float32 for array in weights.values())
