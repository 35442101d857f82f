"""Tests of the pool that is this process."""

from __future__ import annotations

import os

import pytest
import torch

from msc.search.evolution.pools.inline import InlinePool
from tests.search.evolution.pools.evaluators import Buggy, Steady, Threads, after, jobs, never


def test_results_come_in_order_with_the_time_they_took() -> None:
    with InlinePool(Steady()) as pool:
        results = list(pool.run(jobs(5), never))
    assert [done.record for done in results] == [Steady()(job) for job in jobs(5)]
    assert all(done.seconds > 0 for done in results)


def test_nothing_is_begun_once_stopped() -> None:
    with InlinePool(Steady()) as pool:
        assert [done.record.seed for done in pool.run(jobs(5), after(2))] == [0, 1]


def test_it_evaluates_on_one_thread_and_gives_the_caller_his_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with InlinePool(Threads()) as pool:
            for done in pool.run(jobs(2), never):
                assert (done.record.hash, done.record.values["torch"]) == (str(os.getpid()), 1)
                assert torch.get_num_threads() == 3
        with InlinePool(Buggy(0)) as pool, pytest.raises(ZeroDivisionError):
            list(pool.run(jobs(1), never))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
