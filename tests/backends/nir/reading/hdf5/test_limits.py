"""Files made to exhaust the reader are refused with little memory; big honest ones take their size once."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from msc.backends.nir.reading.hdf5 import limits
from tests.backends.nir.reading.hdf5.files import EDGES, WEIGHT, changed, endless_bytes, replaced

MEASURE = """
import resource, sys
from msc.backends.nir.reading.hdf5 import NirFileError, read_raw
try:
    read_raw(sys.argv[1])
    print("read")
except NirFileError as error:
    print(str(error).splitlines()[0])
kilobytes = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(kilobytes) // 1024)
"""
MOST_MIB = 500
HANG_SECONDS = 120  # by far more than any file takes


def measured(path: Path) -> tuple[str, int]:
    """Read a file in a process of its own: what it says first, and the most MiB all processes took."""
    # Linux counts what the process had that started another one; the shell has little.
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" "$@"; exit', sys.executable, "-c", MEASURE, str(path)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    text, mib = done.stdout.splitlines()
    return text.replace(str(path), "FILE"), int(mib)


def almost_uniform(file: Any) -> None:
    """160 MiB in a few hundred kilobytes: each block has one value that differs."""
    replaced(WEIGHT, shape=(40 << 20,), dtype="f4", chunks=(1 << 18,), compression="gzip")(file)
    for start in range(0, 40 << 20, 1 << 18):
        file[WEIGHT][start] = 1


def bomb(file: Any) -> None:
    """A chunk of 4 kB that unpacks to 512 MiB."""
    replaced(WEIGHT, shape=(1000,), dtype="f4", chunks=(1000,), compression="gzip")(file)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    file[WEIGHT].id.write_direct_chunk((0,), packed)


def one_text_many_times(path: Path) -> Path:
    """A hundred thousand names that are all the same megabyte of the file."""
    places: list[int] = []

    def change(file: Any) -> None:
        file.create_dataset("big", data=["y" * limits.TEXT_BYTES], dtype=h5py.string_dtype())
        replaced(EDGES, data=[("input", "lif")] * 50_000)(file)
        places.extend(file[name].id.get_offset() for name in ("big", EDGES))

    changed(path, change)
    data = bytearray(path.read_bytes())
    big, edges = places
    data[edges : edges + 16 * 100_000] = data[big : big + 16] * 100_000
    path.write_bytes(data)
    return path


def endless(path: Path) -> Path:
    path.write_bytes(endless_bytes())
    return path


def by(change: Callable[[Any], object]) -> Callable[[Path], Path]:
    return lambda path: changed(path, change)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (by(almost_uniform), "FILE, /node/nodes/w/weight: has 167772160 bytes; for a file of this size"),
        (by(bomb), "FILE, /node/nodes/w/weight: cannot be read ("),
        (one_text_many_times, "FILE, /node/edges: "),
        (endless, "FILE, /node/edges: "),
        (
            by(replaced(WEIGHT, shape=(1 << 40,), dtype="f8")),
            "FILE, /node/nodes/w/weight: declares 8796093022208",
        ),
    ],
    ids=["almost uniform", "bomb", "one text many times", "endless", "huge"],
)
def test_what_is_made_to_exhaust_is_refused(make: Any, text: str, tmp_path: Path) -> None:
    said, mib = measured(make(tmp_path / "a.nir"))
    assert said.startswith(text)
    assert mib < MOST_MIB


def test_a_big_file_takes_its_size_once(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, 128 << 20, np.uint8).view(np.float32)
    said, mib = measured(changed(tmp_path / "a.nir", replaced(WEIGHT, data=values)))
    assert said == "read"
    assert mib < 128 + 200


def test_uniform_parameters_of_a_huge_network_take_nothing(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        for name in ("tau", "r"):
            neuron = file["node/nodes/lif"]
            del neuron[name]
            neuron.create_dataset(name, data=np.full((64, 256, 512), 0.5), compression="gzip")

    said, mib = measured(changed(tmp_path / "a.nir", change))
    assert said == "read"
    assert mib < 220


def test_limits_leave_room_for_what_is_honest() -> None:
    """500 MiB of weights, packed to an eighth; more time for more bytes; small files stop at once."""
    assert limits.varied_bytes(500 * limits.MIB // 8) >= 500 * limits.MIB
    assert limits.varied_bytes(10 * limits.MIB) < 300 * limits.MIB
    assert limits.cpu_seconds(limits.MIB) < 5
    assert limits.cpu_seconds(500 * limits.MIB) >= 60
    assert limits.wall_seconds(500 * limits.MIB) >= 500
