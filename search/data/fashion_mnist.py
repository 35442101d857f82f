"""Fashion-MNIST: 70 000 articles of clothing, grey, 28x28 (Xiao, Rasul and Vollgraf 2017)."""

from __future__ import annotations

from msc.search.data.places import DataFile
from msc.search.data.vision import IdxImages

_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"  # served without TLS; the MD5 is checked


def _file(name: str, md5: str) -> DataFile:
    return DataFile(name, md5, _URL + name, unpacked=True)


DATASET = IdxImages(
    "fashion-mnist",
    ("fashion-mnist", "FashionMNIST/raw"),  # the second is torchvision's
    (
        _file("train-images-idx3-ubyte.gz", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        _file("train-labels-idx1-ubyte.gz", "9018921c3c673c538a1fc5bad174d6f9"),
        _file("t10k-images-idx3-ubyte.gz", "8181f5470baa50b63fa0f6fddb340f0a"),
        _file("t10k-labels-idx1-ubyte.gz", "15d484375f8d13e6eb1aabb0c3f46965"),
    ),
    package="dataset-fashion-mnist",
)
