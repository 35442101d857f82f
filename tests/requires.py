"""Skips a test whose optional package is missing, saying why and what installs it."""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

MUST_RUN = "MSC_REQUIRE_ALL"


def require(module: str, package: str | None = None) -> ModuleType:
    """Import an optional module, or skip the test; fails instead where MSC_REQUIRE_ALL=1 is set.

    `package` is the name to install where it differs from the module's.
    """
    if find_spec(module) is None:
        _without(f"{module} is not installed; install it with: python -m pip install {package or module}")
    return importlib.import_module(module)


def require_lava(distribution: str = "lava-nc") -> Path:
    """Find the interpreter that has real Lava, or skip the test; fails instead under MSC_REQUIRE_ALL=1.

    `distribution="lava-dl"` asks for the one that reads .net files, too.
    """
    from msc.backends.lava.environments import places
    from msc.backends.lava.interpreters import find_interpreter
    from msc.backends.simulators.contracts import CannotRunError

    try:
        python = find_interpreter()
    except CannotRunError as error:
        _without(str(error))
    versions = next(place.versions for place in places() if place.python == python)
    if distribution not in versions:
        _without(f"{python} has no {distribution}; install it with: msc doctor --install lava-dl")
    return python


def _without(reason: str) -> NoReturn:
    """Skip the test, or fail it where skipping is forbidden."""
    if os.environ.get(MUST_RUN) == "1":
        pytest.fail(f"{reason} ({MUST_RUN}=1 forbids skipping)", pytrace=False)
    pytest.skip(reason)
