"""Computes parts of a batch side by side, one thread each, on replicas of a network that share weights."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

import torch

from msc.backends.pytorch.network import SpikingNetwork
from msc.search.training.classifier import Classifier
from msc.search.training.statistics import RunningStatistics

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Replica:
    """A network with the weights of another one and running statistics of its own."""

    def __init__(self, spiking: SpikingNetwork) -> None:
        self.spiking = spiking
        self.classifier = Classifier(spiking)
        self.statistics = RunningStatistics(spiking)


class Crew:
    """As many replicas as there are threads; the first is the network itself.

    Threads of Python, not of OpenMP: those wait for each other at every operation, and where another program
    takes a core for a moment, all stand still. (Two on two cores, with one other program: 1900 s an epoch
    against 126 s so.)
    """

    def __init__(self, spiking: SpikingNetwork, threads: int) -> None:
        self.first = Replica(spiking)
        others = [Replica(_sharing(spiking)) for _ in range(threads - 1)]
        self._idle: SimpleQueue[Replica] = SimpleQueue()
        for replica in (self.first, *others):
            self._idle.put(replica)
        self._replicas = (self.first, *others)
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def run(self, work: Callable[[Replica, Job], Answer], jobs: Sequence[Job]) -> Iterator[Answer]:
        """Do jobs, one on each idle replica; their answers come in the order of the jobs."""
        if len(self._replicas) == 1:
            yield from (work(self.first, job) for job in jobs)
            return

        def on_one(job: Job) -> Answer:
            with self._lent() as replica:
                return work(replica, job)

        # What a network switches off for itself is switched off for all: one would switch it on too early.
        with torch.backends.nnpack.flags(enabled=False):
            yield from self._pool.map(on_one, jobs)

    def follow(self) -> None:
        """Give every replica the mode and the running statistics of the first."""
        statistics = self.first.statistics.read()
        for replica in self._replicas[1:]:
            replica.spiking.train(self.first.spiking.training)
            replica.statistics.write(statistics)

    @contextmanager
    def _lent(self) -> Generator[Replica]:
        replica = self._idle.get()
        try:
            yield replica
        finally:
            self._idle.put(replica)


def _sharing(spiking: SpikingNetwork) -> SpikingNetwork:
    """Make a network that uses the parameters of another one."""
    replica = spiking.another()
    replica.momentum = spiking.momentum
    for name, parameter in spiking.named_parameters():
        replica.register_parameter(name, parameter)
    return replica.to(spiking.float_type.device)
