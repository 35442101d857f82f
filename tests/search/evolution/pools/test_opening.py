"""Tests of which pool a call gets."""

from __future__ import annotations

import pytest

from msc.search.evolution.pools import PoolError
from msc.search.evolution.pools.inline import InlinePool
from msc.search.evolution.pools.opening import open_pool
from msc.search.evolution.pools.processes import ProcessPool
from tests.search.evolution.pools.evaluators import Steady


def test_one_worker_is_this_process() -> None:
    assert isinstance(open_pool(Steady()), InlinePool)
    assert isinstance(open_pool(Steady(), workers=1), InlinePool)


def test_several_workers_are_processes() -> None:
    assert isinstance(open_pool(Steady(), workers=2), ProcessPool)


@pytest.mark.parametrize("workers", [0, -3])
def test_no_worker_is_refused(workers: int) -> None:
    with pytest.raises(PoolError) as caught:
        open_pool(Steady(), workers=workers)
    assert str(caught.value) == f"--workers {workers}: there must be a worker; use 1 or more"
