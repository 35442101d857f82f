"""CIFAR-100: 60 000 small colour photos of a hundred kinds of things, 32x32 (Krizhevsky 2009)."""

from __future__ import annotations

from msc.search.data.cifar import CifarArchive
from msc.search.data.places import DataFile

DATASET = CifarArchive(
    "cifar100",
    ("cifar100", "."),
    DataFile(
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    ),
    ("cifar-100-binary/train.bin",),
    ("cifar-100-binary/test.bin",),
    (50_000, 10_000),
    label_bytes=2,  # the first is one of 20 groups, the second the class
    classes=100,
)
