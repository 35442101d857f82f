"""MNIST: 70 000 handwritten digits, grey, 28x28 (LeCun, Cortes and Burges)."""

from __future__ import annotations

from msc.search.data.places import DataFile
from msc.search.data.vision import IdxImages

_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # LeCun's own page no longer serves the files


def _file(name: str, md5: str) -> DataFile:
    return DataFile(name, md5, _URL + name, unpacked=True)


DATASET = IdxImages(
    "mnist",
    ("mnist", "MNIST/raw"),  # the second is torchvision's
    (
        _file("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb"),
        _file("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624"),
        _file("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea"),
        _file("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637"),
    ),
)
