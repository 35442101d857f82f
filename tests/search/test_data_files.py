"""Data sets in .npz files: what they mean, and how files that hold none are refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.ir.errors import MscError
from msc.ir.neurons import InputKind
from msc.search.data import DataError, find_data

LABELS = np.arange(40) % 4


def frames(count: int = 40) -> np.ndarray:
    """Frames [count, 1, 3, 3], each holding its own number."""
    numbers = np.arange(count, dtype=np.float32)
    return np.broadcast_to(numbers[:, None, None, None], (count, 1, 3, 3)).copy()


def events(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (5, count, 2, 3, 3))


def save(path: str = "d.npz", **arrays: Any) -> str:
    np.savez(path, **arrays)
    return path


def problems(path: str) -> list[str]:
    """The lines with which a file is refused."""
    with pytest.raises(MscError) as refused:
        find_data(path)
    return str(refused.value).splitlines()


def test_static_frames_are_kept_as_they_are_and_a_share_of_each_class_is_held_out() -> None:
    split = find_data(save(inputs=frames().astype(np.float64), labels=LABELS.astype(np.int32)))
    assert (split.name, split.kind, split.classes, split.shape) == ("d.npz", InputKind.STATIC, 4, (1, 3, 3))
    assert (split.train_inputs.dtype, split.train_labels.dtype) == (np.float32, np.int64)
    numbers = np.concatenate([split.train_inputs, split.test_inputs])[:, 0, 0, 0].astype(int)
    assert sorted(numbers) == list(range(40))
    labels = np.concatenate([split.train_labels, split.test_labels])
    np.testing.assert_array_equal(labels, LABELS[numbers])
    np.testing.assert_array_equal(np.bincount(split.test_labels), [2, 2, 2, 2])


def test_the_split_is_the_same_every_time_and_no_prefix() -> None:
    path = save(inputs=frames(), labels=LABELS)
    first, second = find_data(path), find_data(path)
    np.testing.assert_array_equal(first.test_inputs, second.test_inputs)
    held_out = first.test_inputs[:, 0, 0, 0]
    assert held_out.max() > 8
    assert held_out.min() < 32


@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=6).filter(lambda c: max(c) >= 3))
def test_every_class_stays_in_training_whatever_the_counts(counts: list[int]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    split = find_data(save(inputs=frames(len(labels)), labels=labels))
    np.testing.assert_array_equal(
        np.bincount(split.test_labels, minlength=len(counts)), [int(0.2 * n + 0.5) for n in counts]
    )
    assert set(split.train_labels) == set(range(len(counts)))


def test_bytes_are_divided_by_their_maximum_in_both_parts() -> None:
    inputs = np.full((6, 1, 2, 2), 50, np.uint8)
    test = np.full((2, 1, 2, 2), 100, np.uint8)
    labels = np.array([0, 1, 0, 1, 0, 1])
    split = find_data(save(inputs=inputs, labels=labels, test_inputs=test, test_labels=labels[:2]))
    assert (split.train_inputs == 0.5).all()
    assert (split.test_inputs == 1).all()
    assert len(split.train_labels) == 6
    blank = find_data(save(inputs=inputs * 0, labels=labels))
    assert (blank.train_inputs == 0).all()


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float32"])
def test_events_keep_their_steps_and_counts(kind: str) -> None:
    counts = events().astype(kind)
    split = find_data(save(inputs=counts, labels=LABELS, test_inputs=counts, test_labels=LABELS))
    assert (split.kind, split.shape) == (InputKind.EVENTS, (2, 3, 3))
    np.testing.assert_array_equal(split.train_inputs, counts.astype(np.float32))
    held_out = find_data(save(inputs=counts, labels=LABELS))
    assert held_out.train_inputs.shape == (5, 32, 2, 3, 3)
    assert held_out.test_inputs.shape == (5, 8, 2, 3, 3)


def test_arrays_in_fortran_order_and_big_endian_and_compressed() -> None:
    np.savez_compressed(
        "d.npz", inputs=np.asfortranarray(frames()).astype(">f4"), labels=LABELS.astype(">i2")
    )
    plain = find_data(save("plain.npz", inputs=frames(), labels=LABELS))
    np.testing.assert_array_equal(find_data("d.npz").train_inputs, plain.train_inputs)


def test_unknown_data_names_what_is_known() -> None:
    (line,) = problems("imagenet")
    assert line.startswith("--data imagenet: there is no such data set or file; use one of: cifar10, ")
    assert line.endswith(", or the path of an .npz file or a folder of images")
    assert problems("missing.npz") == [
        "missing.npz: cannot read the data file (no such file or directory); check the path"
    ]
    Path("folder.npz").mkdir()
    assert problems("folder.npz") == [
        "folder.npz: cannot read the data file (is a directory); name a file, not a folder"
    ]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unlabelled": (
        {"inputs": frames()},
        ["d.npz, labels: is missing; save the arrays inputs, labels with numpy.savez"],
    ),
    "misspelled": (
        {"inputs": frames(), "labels": LABELS, "test_input": frames()},
        [
            "d.npz: 'test_input' is no array of a data set; "
            "leave it out; known are: inputs, labels, test_inputs, test_labels"
        ],
    ),
    "flat": (
        {"inputs": frames().reshape(40, 9), "labels": LABELS},
        [
            "d.npz, inputs: has shape [40, 9]; "
            "give an array of shape [N,C,H,W] (static frames) or [T,N,C,H,W] (events)"
        ],
    ),
    "empty": (
        {"inputs": frames()[:0], "labels": LABELS[:0]},
        ["d.npz, inputs: has shape [0, 1, 3, 3], no values; give at least one sample"],
    ),
    "labels for other samples, and no integers": (
        {"inputs": frames(), "labels": LABELS[:9] / 2},
        [
            "d.npz, labels: holds 9 labels, inputs 40 samples; give one each",
            "d.npz, labels: is float64; give integers, the numbers of the classes",
        ],
    ),
    "one-hot labels": (
        {"inputs": frames(), "labels": np.eye(4, dtype=int)[LABELS]},
        ["d.npz, labels: has shape [40, 4]; give one integer per sample, shape [N]"],
    ),
    "events where N is taken for T": (
        {"inputs": events().swapaxes(0, 1), "labels": LABELS},
        ["d.npz, labels: holds 40 labels, inputs 5 samples; give one each"],
    ),
    "half a test set": (
        {"inputs": frames(), "labels": LABELS, "test_inputs": frames()},
        ["d.npz, test_labels: is missing, test_inputs is there; give both or neither"],
    ),
    "a test set of another shape": (
        {"inputs": frames(), "labels": LABELS, "test_inputs": frames()[..., :2], "test_labels": LABELS},
        [
            "d.npz, test_inputs: has shape [40, 1, 3, 2], inputs [40, 1, 3, 3]; "
            "give an array of shape [N,1,3,3]"
        ],
    ),
    "a test set with more steps": (
        {"inputs": events(), "labels": LABELS, "test_inputs": np.tile(events(), (2, 1, 1, 1, 1)),
         "test_labels": LABELS},
        [
            "d.npz, test_inputs: has shape [10, 40, 2, 3, 3], inputs [5, 40, 2, 3, 3]; "
            "give an array of shape [5,N,2,3,3]"
        ],
    ),
    "a test set of another type": (
        {"inputs": frames(), "labels": LABELS, "test_inputs": frames().astype(np.uint8),
         "test_labels": LABELS},
        ["d.npz, test_inputs: is uint8, inputs float32; save both as one type"],
    ),
    "not finite": (
        {"inputs": np.where(frames() == 3, np.nan, frames()), "labels": LABELS},
        ["d.npz, inputs: holds values that are not finite in float32; remove or replace them"],
    ),
    "too large for float32": (
        {"inputs": frames().astype(float) + 1e300, "labels": LABELS},
        ["d.npz, inputs: holds values that are not finite in float32; remove or replace them"],
    ),
    "integers as frames": (
        {"inputs": frames().astype(int), "labels": LABELS},
        ["d.npz, inputs: is int64; save static frames as float32, float64 or uint8"],
    ),
    "fractions of events": (
        {"inputs": events() / 2, "labels": LABELS},
        ["d.npz, inputs: holds values that are no event counts; give integers from 0"],
    ),
    "negative events": (
        {"inputs": events() - 1, "labels": LABELS},
        ["d.npz, inputs: holds values that are no event counts; give integers from 0"],
    ),
    "events that are no numbers": (
        {"inputs": np.where(events() == 2, np.nan, events()), "labels": LABELS},
        ["d.npz, inputs: holds values that are no event counts; give integers from 0"],
    ),
    "classes counted from 1": (
        {"inputs": frames(), "labels": LABELS + 1},
        ["d.npz, labels: never is 0, but 4; number the classes from 0 without a gap"],
    ),
    "a gap": (
        {"inputs": frames(), "labels": LABELS * 5},
        ["d.npz, labels: never is 1, 2, 3, 4, 6, .., but 15; number the classes from 0 without a gap"],
    ),
    "negative labels": (
        {"inputs": frames(), "labels": LABELS - 1},
        ["d.npz, labels: runs from -1 to 2; number 2 to 100000 classes from 0"],
    ),
    "huge labels": (
        {"inputs": frames(), "labels": LABELS * 2**60},
        [f"d.npz, labels: runs from 0 to {3 * 2**60}; number 2 to 100000 classes from 0"],
    ),
    "one class": (
        {"inputs": frames(), "labels": LABELS * 0},
        ["d.npz, labels: runs from 0 to 0; number 2 to 100000 classes from 0"],
    ),
    "a test class of its own": (
        {"inputs": frames(), "labels": LABELS, "test_inputs": frames(), "test_labels": LABELS + 1},
        ["d.npz, test_labels: names classes that labels do not; test on the classes trained on"],
    ),
    "too few to hold any out": (
        {"inputs": frames(4), "labels": LABELS[:4]},
        [
            "d.npz, inputs: 4 samples of 4 classes are too few to hold 20% out; "
            "give 3 or more of a class, or test_inputs and test_labels"
        ],
    ),
    "values and labels wrong at once": (
        {"inputs": np.full((40, 1, 3, 3), np.inf), "labels": LABELS + 1},
        [
            "d.npz, inputs: holds values that are not finite in float32; remove or replace them",
            "d.npz, labels: never is 0, but 4; number the classes from 0 without a gap",
        ],
    ),
    "text": (
        {"inputs": np.full((4, 1, 2, 2), "a"), "labels": LABELS[:4]},
        ["d.npz, inputs: dtype <U1 is not numeric; save it as float32 or as integers"],
    ),
    "objects": (
        {"inputs": np.array([None, 1]), "labels": LABELS},
        ["d.npz, inputs: dtype object is not numeric; save it as float32 or as integers"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_all_at_once(name: str) -> None:
    arrays, expected = WRONG[name]
    assert problems(save(**arrays)) == expected


def packed(member: bytes, name: str = "inputs.npy") -> bytes:
    """A compressed archive of one made-up member beside good labels."""
    stream = io.BytesIO()
    labels = io.BytesIO()
    np.save(labels, LABELS)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, member)
        archive.writestr("labels.npy", labels.getvalue())
    return stream.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    """A megabyte of archive that unpacks to more than the limit, and one that lies about it."""
    bomb = packed(header("{'descr':'|u1','fortran_order':False,'shape':(40,1,1,1000)}") + bytes(1 << 20))
    size = struct.pack("<I", 0xFFFFFFF0)
    place = bomb.index(b"PK\x01\x02") + 24
    Path("d.npz").write_bytes(bomb[:place] + size + bomb[place + 4 :])
    tracemalloc.start()
    (line,) = problems("d.npz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert line.startswith("d.npz: unpacks to 4294967")
    assert line.endswith(
        "bytes, more than 2147483648, the limit for a data set; give fewer or smaller samples"
    )


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (b"", "d.npz, inputs: is no .npy array ("),
        (b"\x80\x04N.", "d.npz, inputs: is no .npy array ("),
        (header("{'descr':"), "d.npz, inputs: is no .npy array ("),
        (header("{'descr':'<f4','fortran_order':False,'shape':(1,0,3,-3)}"), "claims shape [1, 0, 3, -3]"),
        (
            header("{'descr':'<f4','fortran_order':False,'shape':(99999999999,9,9,9)}"),
            "holds 0 bytes of data, shape [99999999999, 9, 9, 9] of float32 needs",
        ),
        (header("(" * 5000 + ")" * 4000), "d.npz, inputs: is no .npy array ("),
        (header("{'descr':'<f4','fortran_order':False,'shape':(4,1,1,1)}") + bytes(15), "holds 15 bytes"),
        (header("{'descr':'|V4','fortran_order':False,'shape':(4,1,1,1)}") + bytes(16), "is not numeric"),
    ],
)
def test_members_that_are_no_arrays(member: bytes, text: str) -> None:
    Path("d.npz").write_bytes(packed(member))
    (line,) = problems("d.npz")
    assert text in line


def test_archives_that_are_broken() -> None:
    good = Path(save(inputs=frames(), labels=LABELS)).read_bytes()
    for data, text in (
        (b"", "d.npz: is no .npz archive; save the arrays with numpy.savez"),
        (b"\x93NUMPY\x01\x00", "d.npz: is no .npz archive; save the arrays with numpy.savez"),
        (
            good[:-30],
            "d.npz: is a broken .npz archive (File is not a zip file); save it again with numpy.savez",
        ),
        (good.replace(bytes(frames()[3]), bytes(frames()[4]), 1), "(Bad CRC-32 for file 'inputs.npy')"),
    ):
        Path("d.npz").write_bytes(data)
        (line,) = problems("d.npz")
        assert text in line


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice() -> None:
    with zipfile.ZipFile(save(inputs=frames(), labels=LABELS), "a") as archive:
        archive.writestr("labels.npy", b"")
    assert problems("d.npz") == ["d.npz, labels: is there twice; save it once"]


def test_mangled_archives_are_refused_or_read_but_never_crash() -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed("good.npz", inputs=frames(), labels=LABELS)
    good = Path("good.npz").read_bytes()
    outcomes = set()
    for _ in range(500):
        data = bytearray(good)
        for _ in range(int(rng.integers(1, 5))):
            place = int(rng.integers(len(data))) if rng.integers(2) else len(data) - int(rng.integers(1, 250))
            data[place] = int(rng.integers(256))
        Path("d.npz").write_bytes(data)
        try:
            outcomes.add(find_data("d.npz").shape)
        except DataError as error:
            outcomes.add(len(error.problems))
    assert outcomes >= {1, (1, 3, 3)}
