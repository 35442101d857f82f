"""One pool of simulator processes for all conformance tests of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from msc.backends.simulators.workers import Workers


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with Workers(seconds=120) as pool:
        yield pool
