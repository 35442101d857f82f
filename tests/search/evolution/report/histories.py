"""Histories for the tests of the report: real genomes and a real file, with values made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from msc.ir.shapes import population_shapes
from msc.search.canonical import genome_hash
from msc.search.evolution.history import read_history
from msc.search.evolution.objectives import Objective
from msc.search.evolution.report.study import Study
from msc.search.evolution.settings import SearchSettings
from msc.search.generate import new_genome
from msc.search.genome import Genome
from msc.search.lower import lower
from msc.search.scoring.fitness import Better
from msc.search.scoring.guards import Guards, Limits
from msc.search.scoring.records import Record, Violation
from msc.search.spaces import find_space

BIE = Objective("bie", Better.LOWER)
NORMED = Objective("bie-norm", Better.HIGHER)
SYNOPS = Objective("synops", Better.LOWER)
SMALL: Mapping[str, Any] = {"input_shape": (1, 8, 8), "channels": 4, "timesteps": 3}
VERSIONS = {"msc": "0.1.0", "numpy": "2.0", "pymoo": "0.6.1", "torch": "2.9"}


@dataclass(frozen=True)
class Network:
    """A genome with its hash and the names of its spiking populations."""

    hash: str
    genome: Genome
    populations: tuple[str, ...]
    neurons: int

    @property
    def genes(self) -> dict[str, Any]:
        return find_space(self.genome.space).write_genes(self.genome.genes)


@cache
def network(seed: int, space: str = "mse-nas", small: bool = True, layers: int = 3) -> Network:
    """Draw a random network."""
    genome = new_genome(space, seed, layers=layers, **(SMALL if small else {}))
    live = lower(genome).network
    assert live is not None
    shapes = population_shapes(live)
    names = tuple(p.name for p in live.populations if p.name != live.source.name)
    return Network(genome_hash(genome), genome, names, sum(int(np.prod(shapes[n])) for n in names))


def settings(space: str = "mse-nas", **changes: Any) -> dict[str, Any]:
    """Make the settings of a search, as its history states them."""
    usual: dict[str, Any] = {
        "space": space,
        "skeleton": network(0, space).genome.skeleton,
        "layers": 3,
        "data": "digits",
        "data_hash": "d1" * 32,
        "batch": 64,
        "batches": 2,
        "objectives": (NORMED,),
        "strategy": "evolve",
        "population": 4,
        "generations": 2,
        "seed": 0,
    }
    return SearchSettings(**(usual | changes)).to_json()


def record(of: Network, seed: int = 0, **changes: Any) -> Record:
    """Make the record of a network whose every population fires at 0.1."""
    usual: dict[str, Any] = {
        "values": {"bie-norm": 1.0, "bie": 10.0, "rate": 0.1, "synops": 1000.0, "params": 500.0},
        "neurons": of.neurons,
        "params": 500,
        "rates": dict.fromkeys(of.populations, 0.1),
    }
    return Record(of.hash, seed, **(usual | changes))


@dataclass
class Story:
    """A search told line by line; `write` puts it into a folder."""

    settings: dict[str, Any] = field(default_factory=settings)
    lines: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: dict(VERSIONS))

    def evaluation(self, of: Network, generation: int = 0, **changes: Any) -> None:
        line = {"kind": "evaluation", "generation": generation, "candidate": 0, "genes": of.genes}
        self.lines.append(line | {"record": record(of, **changes).to_json()})

    def generation(
        self, number: int, candidates: Sequence[Network], population: Sequence[Network], cached: int = 0
    ) -> None:
        names = {"candidates": [n.hash for n in candidates], "population": [n.hash for n in population]}
        self.lines.append({"kind": "generation", "generation": number, **names, "cached": cached})

    def finalist(self, of: Network, seed: int, **changes: Any) -> None:
        found = record(of, seed, **changes).to_json()
        self.lines.append({"kind": "finalist", "genes": of.genes, "record": found})

    def end(self, best: Network | None, front: Sequence[Network] = ()) -> None:
        names = [one.hash for one in front or ([best] if best else [])]
        self.lines.append({"kind": "end", "best": best.hash if best else None, "front": names})

    def write(self, folder: Path) -> Path:
        header = {"kind": "search", "format": "msc.search", "version": 1}
        header |= {"settings": self.settings, "versions": self.versions}
        lines = (json.dumps(line, separators=(",", ":")) for line in (header, *self.lines))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))
        return folder

    def study(self, folder: Path) -> Study:
        return Study(read_history(self.write(folder)))


@dataclass(frozen=True)
class Made:
    """How to make up a whole search."""

    space: str = "mse-nas"
    objectives: tuple[Objective, ...] = (NORMED,)
    population: int = 6
    generations: int = 3
    layers: int = 3
    small: bool = True
    guards: Guards | None = field(default_factory=Guards)
    feasible: Callable[[float], bool] = lambda draw: draw < 0.7
    constant: bool = False
    ended: bool = True
    accuracy: bool = False
    seeds: int = 3


def make_up(made: Made) -> Story:
    """Tell a search that keeps the best of random networks; values follow from rates, plus noise."""
    rng = np.random.default_rng(1)
    changes: dict[str, Any] = {"guards": made.guards, "layers": made.layers, "weight_seeds": made.seeds}
    changes |= {"objectives": made.objectives, "population": made.population, "generations": made.generations}
    changes |= {"skeleton": network(0, made.space, made.small, made.layers).genome.skeleton}
    changes |= {"limits": Limits(max_params=2_000_000, min_neurons=100), "check_accuracy": made.accuracy}
    story = Story(settings(made.space, **changes))
    scored: dict[str, tuple[Network, Record]] = {}
    survivors: list[Network] = []
    for number in range(made.generations + 1):
        asked = [_candidate(made, rng, scored) for _ in range(made.population)]
        new = {one.hash: one for one in asked if one.hash not in scored}
        for one in new.values():
            found = _record(made, one, rng)
            scored[one.hash] = (one, found)
            line = {"kind": "evaluation", "generation": number, "candidate": 0, "genes": one.genes}
            story.lines.append(line | {"record": found.to_json()})
        pool = {one.hash: one for one in (*survivors, *asked)}
        order = sorted(pool.values(), key=lambda one: _rank(made, scored[one.hash][1]))
        survivors = order[: made.population]
        story.generation(number, asked, survivors, len(asked) - len(new))
    if made.ended:
        _conclude(made, story, scored, rng)
    return story


def _candidate(made: Made, rng: np.random.Generator, scored: Mapping[str, Any]) -> Network:
    if scored and rng.random() < 0.1:
        return scored[list(scored)[int(rng.integers(len(scored)))]][0]
    return network(int(rng.integers(2000 if not made.small else 60)), made.space, made.small, made.layers)


def _record(made: Made, one: Network, rng: np.random.Generator, seed: int = 0, **more: Any) -> Record:
    size = float(np.log(one.neurons))
    rate = 0.1 if made.constant else float(np.clip(rng.normal(0.16, 0.06), 0.0008, 0.8))
    noise = 0.0 if made.constant else float(rng.normal(0, 0.03))
    params = 40_000 if made.constant else int(one.neurons * rng.uniform(2, 30))
    values: dict[str, float | None] = {
        "bie-norm": 0.5 if made.constant else 0.6 + 0.8 * rate + noise,
        "bie": 200.0 if made.constant else 2 * rate * (1 - rate) * one.neurons * 4 * (1 + noise),
        "rate": rate,
        "synops": float(round(params * 40 * rate * size)),
        "params": float(params),
    }
    rates = {name: float(np.clip(rate * rng.uniform(0.3, 2), 0, 1)) for name in one.populations}
    if made.feasible(float(rng.random())):
        return Record(one.hash, seed, values, one.neurons, params, rates, **more)
    return _excluded(one, rng, seed, values, params, rates)


def _excluded(
    one: Network, rng: np.random.Generator, seed: int, values: Any, params: int, rates: Any
) -> Record:
    kind = int(rng.integers(5))
    if kind == 4:
        return Record(one.hash, seed, failure="out of memory: the network is too large to run")
    names = ("silent", "saturated", "diversity", "max-params")
    found = Violation(names[kind], float(rng.uniform(0.1, 1)), f"{one.populations[-2]} below 0.1 %")
    also = (Violation("rate", 0.05, "mean rate 0.3 %, outside 0.5 % to 50 %"),) if kind == 0 else ()
    return Record(one.hash, seed, values, one.neurons, params, rates, None, (found, *also))


def _rank(made: Made, found: Record) -> tuple[float, float]:
    return found.violation, made.objectives[0].cost(found)


def _conclude(made: Made, story: Story, scored: Mapping[str, Any], rng: np.random.Generator) -> None:
    usable = [pair for pair in scored.values() if pair[1].feasible]
    usable.sort(key=lambda pair: made.objectives[0].cost(pair[1]))
    for one, base in usable[:4]:
        for seed in range(made.seeds):
            values = {k: None if v is None else v * (1 + 0.03 * seed) for k, v in base.values.items()}
            if made.accuracy and seed == 0:
                values["accuracy"] = float(rng.uniform(0.7, 0.9))
            currents = {
                n: (float(rng.uniform(0.1, 0.9)), -float(rng.uniform(0, 0.6))) for n in one.populations
            }
            found = Record(one.hash, seed, values, base.neurons, base.params, base.rates, currents)
            story.lines.append({"kind": "finalist", "genes": one.genes, "record": found.to_json()})
    front: list[Network] = []
    costs: list[tuple[float, ...]] = []
    for one, found in usable:
        mine = tuple(o.cost(found) for o in made.objectives)
        if not any(all(a <= b for a, b in zip(other, mine, strict=True)) for other in costs):
            costs.append(mine)
            front.append(one)
    best = usable[0][0] if usable else None
    story.end(best, front if len(made.objectives) > 1 else ())
