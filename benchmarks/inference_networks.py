"""The networks of benchmarks/inference.py, with weights on which float32 is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msc.compiler.initialise import dyadic_model
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import LIF, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op
from msc.search.generate import new_genome
from msc.search.lower import require_connected

SHAPE = (3, 32, 32)
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network by name, and the number of steps that a frame is shown for."""

    name: str
    build: Callable[[int], Network]
    timesteps: int

    def model(self) -> Model:
        return dyadic_model(self.build(self.timesteps), seed=0)


def conv_lif(timesteps: int) -> Network:
    """Make 3 -> 32, 32, pool, 64, 64, pool, 128 convolutions of 3x3, the mean of each map, 10 classes."""
    populations, projections = [Population("input", Source(SHAPE))], list[Projection]()
    stages: list[tuple[str, tuple[Op, ...]]] = []
    for index, (channels, pooled) in enumerate(
        ((32, False), (32, False), (64, True), (64, False), (128, True))
    ):
        pool: tuple[Op, ...] = (AvgPool2d((2, 2), (2, 2)),) if pooled else ()
        stages.append((f"conv{index + 1}", (*pool, Conv2d(channels, (3, 3), padding=(1, 1)))))
    stages.append(("head", (AvgPool2d((8, 8), (8, 8)), Flatten(), Linear(CLASSES))))
    for name, ops in stages:
        source = populations[-1].name
        populations.append(Population(name, LIF()))
        projections.append(Projection(f"{source}>{name}", source, name, ops))
    return Network(tuple(populations), tuple(projections), "head", timesteps)


def dense_lif(timesteps: int) -> Network:
    """Make 784 -> 512 -> 512 -> 10, all to all."""
    populations, projections = [Population("input", Source((784,)))], list[Projection]()
    for name, neurons in (("hidden1", 512), ("hidden2", 512), ("head", CLASSES)):
        source = populations[-1].name
        populations.append(Population(name, LIF()))
        projections.append(Projection(f"{source}>{name}", source, name, (Linear(neurons),)))
    return Network(tuple(populations), tuple(projections), "head", timesteps)


def genome(seed: int) -> Callable[[int], Network]:
    """Make random genomes of space mse-nas with 6 layers of 16 channels."""

    def build(timesteps: int) -> Network:
        drawn = new_genome("mse-nas", seed, layers=6, timesteps=timesteps, channels=16, input_shape=SHAPE)
        network = require_connected(drawn).network
        assert network is not None
        return network

    return build


CASES = (
    Case("conv_t4", conv_lif, 4),
    Case("conv_t10", conv_lif, 10),
    Case("dense_t4", dense_lif, 4),
    Case("genome_t4", genome(12), 4),
    Case("genome_cycle_t4", genome(4), 4),
)
