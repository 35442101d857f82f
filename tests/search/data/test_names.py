"""Data sets by name: one a file, found without importing what only loading needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from msc.compiler.registry import discover
from msc.search.data import Dataset, find_data
from tests.search.data.formats import refused

DATASETS = discover("msc.search.data", "DATASET")


@pytest.mark.parametrize("module", DATASETS)
def test_a_data_set_is_named_as_its_file(module: str) -> None:
    dataset = DATASETS[module]
    assert isinstance(dataset.name, str)  # type: ignore[attr-defined]
    assert dataset.name.replace("-", "_") == module  # type: ignore[attr-defined]


def test_all_data_sets_are_there() -> None:
    assert sorted(DATASETS) == [
        "cifar10",
        "cifar100",
        "cifar10_dvs",
        "digits",
        "dvs128_gesture",
        "fashion_mnist",
        "mnist",
        "nmnist",
    ]


@pytest.mark.parametrize("module", sorted(set(DATASETS) - {"digits"}))
def test_what_is_not_there_is_refused_and_nothing_fetched(module: str) -> None:
    dataset: Dataset = DATASETS[module]  # type: ignore[assignment]
    lines = refused(lambda: find_data(dataset.name))
    assert lines[0].startswith(f"--data {dataset.name}: is in none of ")
    assert all("is missing (MD5 " in line for line in lines[1:])


def test_an_unknown_name_is_told_what_there_is() -> None:
    assert refused(lambda: find_data("imagenet")) == [
        "--data imagenet: there is no such data set or file; use one of: cifar10, cifar10-dvs, cifar100, "
        "digits, dvs128-gesture, fashion-mnist, mnist, nmnist, saccades:NAME of one with images, or the path "
        "of an .npz file or a folder of images"
    ]


def test_names_are_found_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom msc.search.data import find_data\n"
        "try:\n    find_data('imagenet')\nexcept Exception as error:\n    assert 'use one of' in str(error)\n"
        "print(*sorted({n.split('.')[0] for n in sys.modules} & {'torch', 'sklearn', 'scipy', 'PIL'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
