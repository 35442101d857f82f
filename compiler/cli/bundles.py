"""Reading, for `msc run` and `msc verify`, the folder that `msc compile --target lava` made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.failures import UsageError
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msc.ir.network import Model

TARGET = "lava"
FILES = ("network.json", "weights.npz", "run_lava.py", "SHA256SUMS")


def is_folder(path: str) -> bool:
    """Whether a command was given a folder, which can only be an artefact."""
    return os.path.isdir(path)


def load_bundle(path: str, unfit: Mapping[str, object]) -> Model:
    """Read a bundle's network, in machine time; `unfit` holds the options that only a genome takes, by name.

    Raises UsageError with all that is wrong: such options, no bundle in the folder, one that was changed.
    """
    from msc.backends.lava.bundle import read_bundle

    given = [name for name, value in unfit.items() if value]
    attempt = Attempts(
        Problem(name, f"does not go with {path}, which is compiled already", "leave it out") for name in given
    )
    if not any(Path(path, name).is_file() for name in FILES):
        attempt.problems.append(
            Problem(
                path,
                "is a folder without a Lava bundle",
                f"give a genome file, or what --target {TARGET} made",
            )
        )
        raise UsageError(attempt.problems)
    model = attempt(lambda: read_bundle(path))
    raise_all(UsageError, attempt.problems)
    assert model is not None
    return model
