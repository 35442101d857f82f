"""Skips a test whose optional package is missing, saying why and what installs it."""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from types import ModuleType

import pytest

MUST_RUN = "MSC_REQUIRE_ALL"


def require(module: str, package: str | None = None) -> ModuleType:
    """Import an optional module, or skip the test; fails instead where MSC_REQUIRE_ALL=1 is set.

    `package` is the name to install where it differs from the module's.
    """
    if find_spec(module) is None:
        reason = f"{module} is not installed; install it with: python -m pip install {package or module}"
        if os.environ.get(MUST_RUN) == "1":
            pytest.fail(f"{reason} ({MUST_RUN}=1 forbids skipping)", pytrace=False)
        pytest.skip(reason)
    return importlib.import_module(module)
