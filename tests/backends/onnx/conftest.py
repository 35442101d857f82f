"""What every test here needs: the optional packages of the ONNX target."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.requires import require


@pytest.fixture(autouse=True)
def onnx() -> ModuleType:
    """The onnx package; skips the test where it or ONNX Runtime is missing."""
    require("onnxruntime")
    return require("onnx")
