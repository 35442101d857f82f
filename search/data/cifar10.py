"""CIFAR-10: 60 000 small colour photos of ten kinds of things, 32x32 (Krizhevsky 2009)."""

from __future__ import annotations

from msc.search.data.cifar import CifarArchive
from msc.search.data.places import DataFile

_FOLDER = "cifar-10-batches-bin"

DATASET = CifarArchive(
    "cifar10",
    ("cifar10", "."),
    DataFile(
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    ),
    tuple(f"{_FOLDER}/data_batch_{number}.bin" for number in range(1, 6)),
    (f"{_FOLDER}/test_batch.bin",),
    (10_000, 10_000),
    label_bytes=1,
    classes=10,
)
