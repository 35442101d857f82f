"""The measures a search can minimise or maximise, one per file, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import cast

from msc.compiler.registry import choose, discover
from msc.ir.activity import Column
from msc.ir.network import Model, Network
from msc.ir.synapses import Wiring, wire
from msc.search.data import Split
from msc.search.scoring.emissions import Emissions, counted
from msc.search.scoring.pricing import Pricing
from msc.search.scoring.responses import Response


class Better(Enum):
    """Which values of a measure a search prefers."""

    LOWER = "min"
    HIGHER = "max"


@dataclass(frozen=True)
class Evidence:
    """What one evaluation knows of a network.

    `batches` holds, for each batch of samples, how every spiking population responded (in causal order), and
    `inputs` what the source emitted; `pricing` is what events and updates cost, for the measures that are
    priced; `split` is the data to train on, `seed` and `epochs` how, for the measures that train.
    """

    network: Network
    batches: tuple[tuple[Response, ...], ...] = ()
    split: Split | None = None
    seed: int = 0
    epochs: int = 1
    inputs: tuple[Emissions, ...] = ()
    pricing: Pricing | None = None

    @property
    def steps(self) -> int:
        """T."""
        return self.batches[0][0].steps

    @property
    def samples(self) -> int:
        """The samples of a batch."""
        return self.batches[0][0].samples

    @cached_property
    def wiring(self) -> Wiring:
        """The synapses of the network, no weight taken to be zero."""
        return wire(Model(self.network))

    @cached_property
    def counts(self) -> tuple[Mapping[Column, int], ...]:
        """Events by projection and spikes by population, over all samples of each batch."""
        return tuple(
            counted(self.wiring, (*self.inputs[index : index + 1], *responses))
            for index, responses in enumerate(self.batches)
        )


@dataclass(frozen=True)
class Fitness:
    """One measure: a pure function of what an evaluation found.

    `name` is what `--fitness` calls it, `title` what reports do; `better` the direction unless a search
    names the other (`bie:max`); `source` the paper and equation. `trains` says that it costs a training;
    `shrinks` that small networks win when it is minimised, so that a search needs a floor under their size;
    `spikes` that it needs responses (else the network alone); `priced` that it needs an energy profile.
    """

    name: str
    title: str
    better: Better
    source: str
    measure: Callable[[Evidence], float]
    spikes: bool = True
    trains: bool = False
    shrinks: bool = False
    priced: bool = False


@cache
def fitnesses() -> Mapping[str, Fitness]:
    """Find all measures, by the name the command line knows."""
    found = (cast(Fitness, f) for f in discover("msc.search.scoring.fitness", "FITNESS").values())
    return {fitness.name: fitness for fitness in sorted(found, key=lambda fitness: fitness.name)}


def find_fitness(name: str) -> Fitness:
    """Find a measure by name; raises UnknownPartError naming those there are."""
    return fitnesses()[choose("fitness", name, tuple(fitnesses()))]
