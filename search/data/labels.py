"""Checks of the labels that data files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem, raise_all
from msc.search.data import DataError

_MOST_TOLD = 5


def checked(path: Path | str, labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return labels as int64; raises DataError naming the samples whose label is no class."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    raise_all(
        DataError,
        [
            Problem(
                f"{path}, sample {index}",
                f"has label {labels[index]}",
                f"classes are 0 to {classes - 1}: get the file again",
            )
            for index in wrong[:_MOST_TOLD]
        ],
    )
    return labels.astype(np.int64)
