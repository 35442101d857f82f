"""N-MNIST, CIFAR10-DVS and DVS128 Gesture in the formats they are published in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.compiler.cache import cache_folder
from msc.ir.neurons import InputKind
from msc.search.data import cifar10_dvs, dvs128_gesture, find_data, nmnist
from msc.search.data.events import Events, Framing
from msc.search.data.request import Request
from tests.search.data import recordings
from tests.search.data.formats import loaded, put, refused, refused_set, tarred, zipped
from tests.search.data.serving import Site

SAMPLE = cache_folder() / "nmnist" / "sample_nmnist.bin"


@dataclass(frozen=True)
class Case:
    """A small copy of a set, and the seeds its recordings were drawn from, in order."""

    make: Callable[[Path], Any]
    side: int
    size: int
    train: list[tuple[int, int]]  # label, seed
    test: list[tuple[int, int]]


CASES = {
    "nmnist": Case(
        recordings.nmnist,
        34,
        34,
        [(digit, 200 + 10 * digit + number) for digit in range(10) for number in range(2)],
        [(digit, 100 + 10 * digit) for digit in range(10)],
    ),
    "cifar10-dvs": Case(
        recordings.cifar10_dvs,
        128,
        48,
        [(label, 100 * label + number) for label in range(10) for number in range(9)],
        [(label, 100 * label + 10) for label in range(10)],
    ),
    "dvs128-gesture": Case(
        recordings.gesture,
        128,
        48,
        [(label, 100 * person + label) for person in (1, 2) for label in range(11)],
        [(label, 2400 + label) for label in range(11)],
    ),
}
each = pytest.mark.parametrize("name", CASES)


@each
def test_recordings_become_frames_in_the_published_split(name: str, data_folder: Path) -> None:
    case = CASES[name]
    split = loaded(case.make(data_folder))
    assert (split.name, split.kind, split.classes) == (
        name,
        InputKind.EVENTS,
        len({label for label, _ in case.test}),
    )
    assert split.shape == (2, case.size, case.size)
    framing = Framing((case.side, case.side), (case.size, case.size), 10)
    for inputs, labels, expected in (
        (split.train_inputs, split.train_labels, case.train),
        (split.test_inputs, split.test_labels, case.test),
    ):
        assert (inputs.dtype, labels.dtype) == (np.float32, np.int64)
        np.testing.assert_array_equal(labels, [label for label, _ in expected])
        frames = [framing.frames("", recordings.drawn(seed, case.side)) for _, seed in expected]
        np.testing.assert_array_equal(inputs, np.stack(frames, axis=1))


@each
def test_frames_come_from_the_cache_when_the_archives_are_gone(name: str, data_folder: Path) -> None:
    dataset = CASES[name].make(data_folder)
    first = loaded(dataset)
    for path in (data_folder / name).iterdir():
        path.unlink()
    again = loaded(dataset)
    np.testing.assert_array_equal(again.train_inputs, first.train_inputs)
    np.testing.assert_array_equal(again.test_labels, first.test_labels)
    other = replace(dataset, framing=replace(dataset.framing, steps=4))
    assert refused_set(other)[0].startswith(f"--data {name}: is in none of ")


@each
def test_a_missing_set_is_named_with_its_archives(name: str) -> None:
    lines = refused(lambda: find_data(name))
    assert lines[0].startswith(f"--data {name}: is in none of ")
    assert len(lines) == 1 + len(CASES[name].make(Path("x")).files)
    assert all("is missing (MD5 " in line and "; run: curl -fL " in line for line in lines[1:])


@each
def test_a_corrupt_archive_is_refused_and_nothing_cached(
    name: str, data_folder: Path, tmp_path: Path
) -> None:
    dataset = CASES[name].make(data_folder)
    path = data_folder / name / dataset.files[0].name
    path.write_bytes(path.read_bytes()[:-10])
    (line,) = refused_set(dataset)
    assert line.startswith(f"{path}: is damaged or another file: the MD5 of its ")
    assert list((tmp_path / "cache/msc/frames").iterdir()) == []


@each
@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4", b"\x1f\x8b\x08", zipped({})[:-3], tarred({"a": b"x"})[:40]],
    ids=["nothing", "a zip's mark", "a gz's mark", "a cut zip", "a cut tar"],
)
def test_what_is_no_archive_is_refused(name: str, data: bytes, data_folder: Path) -> None:
    dataset = CASES[name].make(data_folder)
    path = data_folder / name / dataset.files[0].name
    broken = replace(dataset, files=(put(path, data), *dataset.files[1:]))
    (line,) = refused_set(broken)
    assert line.startswith((f"{path}: is a broken .", f"{name}, train: has no recordings of "))


@each
def test_classes_without_recordings_are_named(name: str, data_folder: Path) -> None:
    dataset = CASES[name].make(data_folder)
    file = dataset.files[0]
    pack = tarred if file.name.endswith(".gz") else zipped
    one = {"nmnist": "Train/4/00001.bin", "cifar10-dvs": "notes.txt", "dvs128-gesture": "x/user01_led/3.npy"}[
        name
    ]
    changed = put(data_folder / name / file.name, pack({one: b""}))
    absent = {
        "nmnist": "0, 1, 2, 3, 5, 6, 7, 8, 9",
        "cifar10-dvs": "0",
        "dvs128-gesture": "0, 1, 2, 4, 5, 6, 7, 8, 9, 10",
    }
    assert refused_set(replace(dataset, files=(changed, *dataset.files[1:]))) == [
        f"{name}, train: has no recordings of {absent[name]}; get the archive again"
    ]


def same(found: Events, expected: Events) -> None:
    for one, other in zip(vars(found).values(), vars(expected).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nmnists_clock_goes_on_where_it_overflows() -> None:
    events = Events(*np.array([[3, 4, 100, 1], [0, 240, 0, 0], [5, 6, 7, 0], [0, 240, 0, 1], [1, 2, 8, 1]]).T)
    found = nmnist.read_events(Path("z"), "n", recordings.five_bytes(events))
    same(found, Events(*np.array([[3, 4, 100, 1], [5, 6, 7 + 8192, 0], [1, 2, 8 + 16384, 1]]).T))


@pytest.mark.skipif(
    not SAMPLE.is_file(),
    reason="a recording without a licence to be kept here, so MSC_REQUIRE_ALL does not ask for it; get it "
    f"with: curl -fL --create-dirs -o {SAMPLE} "
    "https://raw.githubusercontent.com/neuromorphs/tonic/main/test/test_data/sample_nmnist.bin",
)
def test_a_real_recording_is_read_as_spikingjelly_reads_it() -> None:
    """One digit of N-MNIST, from tonic's tests; the numbers are those of spikingjelly 2.0's own reader."""
    events = nmnist.read_events(SAMPLE, "", SAMPLE.read_bytes())
    assert len(events.t) == 4325
    assert (events.t[0], events.t[-1]) == (654, 311_175)
    assert (events.x.max(), events.y.max(), events.polarity.sum()) == (33, 33, 2145)
    assert (np.diff(events.t) >= 0).all()
    frames = nmnist.DATASET.framing.frames("", events)
    np.testing.assert_array_equal(frames.sum((1, 2, 3)), [198, 789, 373, 191, 654, 387, 179, 448, 855, 251])


def test_nmnist_recordings_that_are_cut_off_are_refused() -> None:
    data = recordings.five_bytes(recordings.drawn(0, 34))[:-1]
    assert refused(lambda: nmnist.read_events(Path("z.zip"), "Train/0/1.bin", data)) == [
        "z.zip, Train/0/1.bin: is cut off: 199 bytes, 5 an event; get the archive again"
    ]


def test_an_event_written_by_hand() -> None:
    """x 17, y 33, ON, 0x012345 us; and AEDAT: row 2, column 3, OFF (bit 0 set), 66 us."""
    same(
        nmnist.read_events(Path("z"), "n", bytes([17, 33, 0x81, 0x23, 0x45])),
        Events(*np.array([[17, 33, 0x012345, 1]]).T),
    )
    data = b"#!AER-DAT2.0\r\n" + bytes([0, 0, 2, 3 << 1 | 1]) + bytes([0, 0, 0, 66])
    same(cifar10_dvs.read_events("w", data), Events(*np.array([[125, 124, 66, 0]]).T))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is no AEDAT 2.0 file: it begins with b''"),
        (b"#!AER-DAT3.1\r\n", "is no AEDAT 2.0 file: it begins with b'#!AER-DAT3.1'"),
        (b"#!AER-DAT2.0\r\n# x\r\n1234567", "is cut off: 7 bytes behind its header, 8 an event"),
    ],
)
def test_aedat_files_that_are_none_are_refused(data: bytes, told: str) -> None:
    assert refused(lambda: cifar10_dvs.read_events("z.zip, a", data)) == [
        f"z.zip, a: {told}; get the archive again"
    ]


def test_an_aedat_header_alone_is_a_recording_without_events() -> None:
    assert len(cifar10_dvs.read_events("w", b"#!AER-DAT2.0\r\n# no line's end").t) == 0


GOOD = recordings.npy(recordings.drawn(0, 128))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is no .npy array ("),
        (GOOD[:70], "is no .npy array ("),
        (GOOD[:-1], "holds 1279 bytes of data, shape [40, 4] of float64 needs 1280"),
        (GOOD + b"x", "holds 1281 bytes of data, shape [40, 4] of float64 needs 1280"),
        (
            GOOD.replace(b"(40, 4)", b"(4, 40)"),
            "has shape [4, 40] of float64, numbers [events, 4] are expected",
        ),
        (GOOD.replace(b"<f8", b"|O8"), "has shape [40, 4] of object, numbers [events, 4] are expected"),
        (GOOD[:-8] + b"\xff" * 8, "holds values that are not finite"),
    ],
)
def test_gestures_that_are_no_arrays_are_refused(data: bytes, told: str) -> None:
    (line,) = refused(lambda: dvs128_gesture.read_events("t.tar.gz, a/1.npy", data))
    assert line.startswith(f"t.tar.gz, a/1.npy: {told}")
    assert line.endswith("; get the archive again")


def test_recordings_larger_than_their_limit_are_refused(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nmnist, "_RECORDING_LIMIT_BYTES", 199)
    path = data_folder / "nmnist" / "Train.zip"
    assert refused_set(recordings.nmnist(data_folder)) == [
        f"{path}, Train/0/00000.bin: is larger than 199 bytes, the limit for a recording; remove the archive "
        "and get it again"
    ]
    monkeypatch.setattr(dvs128_gesture, "_RECORDING_LIMIT_BYTES", 199)
    assert "user01_led/0.npy: is larger than 199 bytes" in refused_set(recordings.gesture(data_folder))[0]


@each
def test_frames_have_the_steps_and_the_size_asked_for(name: str, data_folder: Path) -> None:
    case = CASES[name]
    dataset = case.make(data_folder)
    usual = loaded(dataset)
    for request, steps, size in (
        (Request(steps=5), 5, (case.size, case.size)),
        (Request(size=(16, 20)), 10, (16, 20)),
        (Request(3, (case.side, case.side)), 3, (case.side, case.side)),
    ):
        split = dataset.load(request)
        framing = Framing((case.side, case.side), size, steps)
        frames = [framing.frames("", recordings.drawn(seed, case.side)) for _, seed in case.train]
        np.testing.assert_array_equal(split.train_inputs, np.stack(frames, axis=1))
        assert split.test_inputs.shape == (steps, len(case.test), 2, *size)
        assert (split.name, split.shape) == (name, (2, *size))
    np.testing.assert_array_equal(loaded(dataset).train_inputs, usual.train_inputs)


@each
def test_frames_larger_than_the_sensor_are_refused_before_anything_is_read(
    name: str, web: Site, tmp_path: Path
) -> None:
    side = CASES[name].side
    lines = refused(lambda: find_data(name, Request(size=(side + 1, side), download=True)))
    assert lines == [
        f"--data {name}: frames of {side + 1}x{side} are asked for, its sensor has {side}x{side}; "
        f"use input_shape 2,{side},{side} or a smaller one"
    ]
    assert not (tmp_path / "cache").exists()


def test_gestures_of_no_class_are_named(data_folder: Path) -> None:
    dataset = recordings.gesture(data_folder)
    data = recordings.npy(recordings.drawn(0, 128))
    members = {f"train/user01_led/{label}.npy": data for label in (*range(10), 11, 1000)}
    file = put(data_folder / "dvs128-gesture" / dataset.files[0].name, tarred(members))
    assert refused_set(replace(dataset, files=(file, dataset.files[1]))) == [
        f"dvs128-gesture, train, sample {sample}: has label {label}; classes are 0 to 10: get the file again"
        for sample, label in ((10, 11), (11, 1000))
    ]
