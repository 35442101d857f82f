"""Files with bytes changed at random give a graph or an error that a person can read, nothing else."""

from __future__ import annotations

import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.nir.reading.hdf5 import NirFileError, read_raw
from tests.backends.nir.reading.hdf5.files import good_bytes
from tests.networks import NETWORKS

FILES = 50


def plain_file() -> bytes:
    """The good file as nir 0.2 wrote: nothing compressed, no version."""
    return _with({}, None)


def latest_file() -> bytes:
    """The newest layout that HDF5 has, with every filter that is read."""
    return _with(
        {"compression": "lzf", "shuffle": True, "fletcher32": True, "maxshape": (None, None)}, "latest"
    )


def our_file() -> bytes:
    return TARGET.emit(NETWORKS["skip"], {}).files[FILE_NAME]


def _with(how: dict[str, Any], libver: str | None) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", libver=libver) as new, h5py.File(io.BytesIO(good_bytes())) as good:
        good.copy("node", new)
        new["node"].create_group("metadata").create_dataset("table", data=np.eye(30), **how)
        many = new.create_group("node/metadata/many")
        for index in range(30):
            many[f"k{index}"] = index
    return file.getvalue()


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Change some bytes, most likely near the start, where HDF5 keeps what is where; or cut the end off."""
    new = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 10, 30])):
        place = draw.randrange(len(new) if draw.random() < 0.6 else min(len(new), 8192))
        match draw.randrange(6):
            case 0:
                new[place] ^= 1 << draw.randrange(8)
            case 1:
                new[place] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
            case 2:
                number = draw.choice([0, 2**64 - 1, 2**63 - 1, len(new), draw.randrange(len(new))])
                new[place : place + 8] = number.to_bytes(8, "little")
            case 3:
                new[place : place + 4] = draw.choice([0, 2**32 - 1, draw.randrange(2**32)]).to_bytes(
                    4, "little"
                )
            case 4:
                source, count = draw.randrange(len(new)), draw.randrange(1, 64)
                new[place : place + count] = new[source : source + count]
            case _:
                if draw.random() < 0.1:
                    del new[max(place, 600) :]
    return bytes(new[: len(data)])


def refusal(path: Path) -> str:
    """Return what the error says; nothing where the file is read."""
    try:
        read_raw(path)
    except NirFileError as error:
        return str(error)
    return ""


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize("make", [good_bytes, plain_file, latest_file, our_file])
def test_damaged_files_are_read_or_refused(make: Any, tmp_path: Path) -> None:
    data, path = make(), tmp_path / "a.nir"
    outcomes: Counter[bool] = Counter()
    for seed in range(FILES):
        path.write_bytes(damaged(random.Random(seed), data))
        text = refusal(path)
        outcomes[text == ""] += 1
        assert "last words" not in text, (seed, text)
        for line in text.splitlines():
            assert line.startswith(str(path)), (seed, line)
            assert line.isprintable(), (seed, line)
    assert outcomes[True] > 0
    assert outcomes[False] > FILES // 10
