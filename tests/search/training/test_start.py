"""The weights a fine-tuning starts from are kept beside it, and are those of a file of weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from msc.backends.weights import read_weights
from msc.ir.files import FileError
from msc.ir.hashing import weights_hash
from msc.search.training.metrics import MetricsError
from msc.search.training.start import read_start, write_start
from tests.search.training.tuning import start


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    begin = start(input="bias")
    write_start(tmp_path, begin, "0123")
    found = read_start(tmp_path, begin.told)
    assert (found.kind, found.options) == ("loihi", {"input": "bias"})
    assert found.weights.keys() == begin.weights.keys()
    assert all(np.array_equal(found.weights[name], array) for name, array in begin.weights.items())
    assert read_weights(tmp_path / "start.safetensors")[1]["genome"] == "0123"


def test_what_is_told_names_the_weights() -> None:
    told = start().told
    assert told.weights == weights_hash(start().weights)
    assert told.weights != start(1).told.weights
    assert (told.validation, told.test) == (None, None)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    write_start(tmp_path, start(), "0123")
    other = start(1).told
    text = (
        rf"start.safetensors: holds weights {start().told.weights[:12]}, the run started from "
        rf"{other.weights[:12]}; restore the file, or start a new run"
    )
    with pytest.raises(MetricsError, match=text):
        read_start(tmp_path, replace(other, kind="loihi"))


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"start.safetensors: cannot read the weight file \(no such file"):
        read_start(tmp_path, start().told)
