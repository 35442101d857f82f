"""One pool of simulator processes: other people's importers may hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from msc.backends.simulators.workers import Workers


@pytest.fixture(scope="package")
def workers() -> Iterator[Workers]:
    with Workers(seconds=60) as pool:
        yield pool
