"""Small sets of recordings in the published formats of event data sets."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from msc.search.data.cifar10_dvs import DATASET as CIFAR10_DVS
from msc.search.data.cifar10_dvs import Cifar10Dvs
from msc.search.data.dvs128_gesture import DATASET as GESTURE
from msc.search.data.dvs128_gesture import Dvs128Gesture
from msc.search.data.events import Events
from msc.search.data.nmnist import DATASET as NMNIST
from msc.search.data.nmnist import NMnist
from tests.search.data.formats import put, tarred, zipped


def drawn(seed: int, side: int, count: int = 40) -> Events:
    """Random events on a square sensor, within 300 ms."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, side, (2, count))
    return Events(x, y, np.sort(rng.integers(0, 300_000, count)), rng.integers(0, 2, count))


def five_bytes(events: Events) -> bytes:
    """N-MNIST's format: x, y, polarity and time, 40 bits an event."""
    rows = (events.x << 32) | (events.y << 24) | (events.polarity << 23) | events.t
    return b"".join(int(row).to_bytes(5, "big") for row in rows)


def aedat2(events: Events) -> bytes:
    """AEDAT 2.0 of a DVS128 that lies on its side: address and time, big-endian."""
    address = (127 - events.x) << 8 | (127 - events.y) << 1 | (1 - events.polarity)
    header = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# Creation time: whenever\r\n"
    return header + np.stack([address, events.t], 1).astype(">u4").tobytes()


def npy(events: Events) -> bytes:
    """tonic's cut of the gestures: x, y, polarity, time in ms, as float64."""
    stream = io.BytesIO()
    np.save(stream, np.stack([events.x, events.y, events.polarity, events.t / 1000], 1))
    return stream.getvalue()


def nmnist(folder: Path) -> NMnist:
    """Two recordings of each digit to train on, one to test on."""
    files = []
    for file, count in zip(NMNIST.files, (2, 1), strict=True):
        part = file.name.removesuffix(".zip")
        members = {
            f"{part}/{digit}/{number:05}.bin": five_bytes(drawn(100 * count + 10 * digit + number, 34))
            for digit in range(10)
            for number in range(count)
        }
        files.append(put(folder / "nmnist" / file.name, zipped({f"{part}/": b"", **members})))
    return replace(NMNIST, files=tuple(files))


def cifar10_dvs(folder: Path) -> Cifar10Dvs:
    """Ten recordings of each class."""
    files = []
    for label, file in enumerate(CIFAR10_DVS.files):
        kind = file.name.removesuffix(".zip")
        numbers = (10, 0, 2, 1, 3, 4, 5, 6, 7, 8)  # out of order, as an archive may be
        members = {
            f"{kind}/cifar10_{kind}_{number}.aedat": aedat2(drawn(100 * label + number, 128))
            for number in numbers
        }
        files.append(put(folder / "cifar10-dvs" / file.name, zipped(members)))
    return replace(CIFAR10_DVS, files=tuple(files))


def gesture(folder: Path) -> Dvs128Gesture:
    """Two people to train on, one to test on."""
    files = []
    for file, people in zip(GESTURE.files, ((1, 2), (24,)), strict=True):
        top = file.name.removesuffix(".tar.gz")
        members = {
            f"{top}/user{person:02}_led/{label}.npy": npy(drawn(100 * person + label, 128))
            for person in people
            for label in range(11)
        }
        files.append(put(folder / "dvs128-gesture" / file.name, tarred({f"{top}/notes.txt": b"", **members})))
    return replace(GESTURE, files=tuple(files))
