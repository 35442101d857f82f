"""What minimising BIE drifts to without guards and with them, and a network that each guard rejects.

    OMP_NUM_THREADS=1 python benchmarks/drift.py --json

In each place (a space on a small skeleton) `search()` minimises `bie` on digits, once without guards and
once as `msc search` does it: with the default guards and, as the measure shrinks networks, a floor under
their size. The members of both final populations and as many random networks are then measured alike. The
last line is JSON: shares of networks in which something shows, and medians over networks, all seeds pooled;
`median_accuracy` is that of one network a seed, the one of lowest BIE (of random ones: any), briefly trained.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rejected import BATCH, BATCHES, DIGITS, EXAMPLES, LAYERS
from rounding import rounded

from msc.ir.network import Network
from msc.ir.neurons import LIF
from msc.search.data.digits import digits
from msc.search.evolution.floor import size_floor
from msc.search.evolution.history import read_history
from msc.search.evolution.objectives import parse_objective
from msc.search.evolution.pools.inline import InlinePool
from msc.search.evolution.searching import search
from msc.search.evolution.settings import SearchSettings
from msc.search.evolution.watching import Generation
from msc.search.generate import draw_connected, new_skeleton
from msc.search.genome import Genome
from msc.search.lower import require_connected
from msc.search.scoring.batches import batches_hash, draw_batches
from msc.search.scoring.evaluate import Evaluator, Task
from msc.search.scoring.fitness import Evidence, find_fitness
from msc.search.scoring.guards import Guards, Limits, output_diversity, output_variance
from msc.search.scoring.records import Record, Violation
from msc.search.scoring.responses import Response
from msc.search.skeleton import Dale, Skeleton
from msc.search.spaces import find_space

SHOWS = ("silent", "saturated", "rate", "output", "diversity", "min-neurons")


@dataclass(frozen=True)
class Place:
    """Where a search takes place."""

    name: str
    space: str = "mse-nas"
    skeleton: dict[str, Any] = field(default_factory=dict)

    @property
    def mounted(self) -> Skeleton:
        return new_skeleton(self.space, layers=LAYERS, **DIGITS, **self.skeleton)


PLACES = (
    Place("mse-nas"),
    Place("mse-nas-strict-dale", skeleton={"dale": Dale.STRICT}),
    Place("mse-nas-threshold-3", skeleton={"neuron": LIF(2.0, 2.0, 3.0)}),
    Place("mse-nas-threshold-0.01", skeleton={"neuron": LIF(2.0, 2.0, 0.01)}),
    Place("snasnet", "snasnet", {"hidden": 64}),
)


@dataclass(frozen=True)
class Probe(Guards):
    """The default guards, which also note what they look at."""

    seen: list[dict[str, float]] = field(default_factory=list)

    def violations(self, network: Network, batches: Sequence[Sequence[Response]]) -> tuple[Violation, ...]:
        variances = [output_variance(network, responses) for responses in batches]
        dimensions = [output_diversity(network, responses) for responses in batches]
        self.seen.append(
            {
                "output_variance": statistics.mean(variances),
                "effective_dimensions": statistics.mean(dimensions),
            }
        )
        return super().violations(network, batches)


class Unwatched:
    """A watcher that looks away."""

    def note(self, text: str) -> None: ...

    def scored(self, record: Record, cached: bool, replayed: bool) -> None: ...

    def generation(self, summary: Generation) -> None: ...

    def finalist(self, done: int, of: int) -> None: ...


def survivors(place: Place, seed: int, guarded: bool, population: int, generations: int) -> list[Genome]:
    """Minimise BIE; returns the final population."""
    batches = draw_batches(digits(), BATCH, BATCHES, seed)
    floor = size_floor(place.space, place.mounted, LAYERS, seed) if guarded else None
    settings = SearchSettings(
        place.space,
        place.mounted,
        LAYERS,
        "digits",
        batches_hash(batches),
        BATCH,
        BATCHES,
        (parse_objective("bie"),),
        "evolve",
        population,
        generations,
        seed,
        Limits(min_neurons=floor),
        Guards() if guarded else None,
        finalists=1,
        weight_seeds=1,
    )
    evaluator = Evaluator(batches, ("bie",), limits=settings.limits, guards=settings.guards)
    genomes: dict[str, Genome] = {}

    def evaluate(task: Task) -> Record:
        record = evaluator(task)
        genomes[record.hash] = task.genome
        return record

    with tempfile.TemporaryDirectory() as folder, InlinePool(evaluate) as pool:
        run = Path(folder) / "run"
        search(settings, pool, run, Unwatched(), lambda: False, False)
        return [genomes[hash] for hash in read_history(run).generations[-1].population]


def measured(place: Place, seed: int, genomes: Sequence[Genome]) -> Iterator[dict[str, Any]]:
    """Measure networks under the weights and batches of a search's seed, with the default guards."""
    probe = Probe()
    evaluator = Evaluator(draw_batches(digits(), BATCH, BATCHES, seed), guards=probe)
    floor = Limits(min_neurons=size_floor(place.space, place.mounted, LAYERS, seed))
    for genome in genomes:
        record = evaluator(Task(genome, seed))
        assert record.failure is None
        violations = (*record.violations, *floor.violations(record.params, record.neurons))
        rates = list(record.rates.values())
        yield {
            **probe.seen[-1],
            "bie": record.values["bie"],
            "rate": record.values["rate"],
            "neurons": record.neurons,
            "populations": len(rates),
            "silent_populations": sum(rate < probe.silent for rate in rates) / len(rates),
            "lowest_population_rate": min(rates),
            "highest_population_rate": max(rates),
            "violated": [violation.guard for violation in violations],
        }


def drawn(place: Place, seed: int, number: int) -> list[Genome]:
    """Draw random connected networks."""
    rng = np.random.default_rng([seed, 3])
    space = find_space(place.space)
    return [draw_connected(space, place.mounted, rng, LAYERS, seed) for _ in range(number)]


def accuracy(genome: Genome, seed: int, epochs: int) -> float:
    """Validation accuracy after brief training."""
    network = require_connected(genome).network
    assert network is not None
    return find_fitness("accuracy").measure(Evidence(network, (), digits(), seed, epochs))


def summary(networks: Sequence[dict[str, Any]], typical: float) -> dict[str, Any]:
    """Pool the networks of all seeds; `typical` is the median size of random ones."""
    told: dict[str, Any] = {"networks": len(networks)}
    for guard in SHOWS:
        told[f"share_{guard}"] = sum(guard in one["violated"] for one in networks) / len(networks)
    told["share_any"] = sum(bool(one["violated"]) for one in networks) / len(networks)
    for name in ("bie", "rate", "neurons", "silent_populations", "output_variance", "effective_dimensions"):
        told[f"median_{name}"] = statistics.median(one[name] for one in networks)
    told["median_neurons_over_random"] = told["median_neurons"] / typical
    told["lowest_neurons"] = min(one["neurons"] for one in networks)
    for name in ("rate", "output_variance", "effective_dimensions", "lowest_population_rate"):
        told[f"lowest_{name.removeprefix('lowest_')}"] = min(one[name] for one in networks)
    for name in ("rate", "highest_population_rate"):
        told[f"highest_{name.removeprefix('highest_')}"] = max(one[name] for one in networks)
    return told


def drift(place: Place, seeds: int, population: int, generations: int, epochs: int) -> dict[str, Any]:
    """Search in a place with and without guards, from several seeds."""
    found: dict[str, list[dict[str, Any]]] = {"random": [], "unguarded": [], "guarded": []}
    accuracies: dict[str, list[float]] = {name: [] for name in found}
    for seed in range(seeds):
        for name, into in found.items():
            if name == "random":
                genomes = drawn(place, seed, population)
            else:
                genomes = survivors(place, seed, name == "guarded", population, generations)
            new = list(measured(place, seed, genomes))
            accuracies[name].append(accuracy(genomes[_winner(name, new)], seed, epochs))
            into += new
    typical = statistics.median(one["neurons"] for one in found["random"])
    told: dict[str, Any] = {name: summary(networks, typical) for name, networks in found.items()}
    for name, values in accuracies.items():
        told[name] |= {"median_accuracy": statistics.median(values), "accuracies": values}
    told["guarded"]["floors"] = [size_floor(place.space, place.mounted, LAYERS, s) for s in range(seeds)]
    return told


def _winner(name: str, networks: Sequence[dict[str, Any]]) -> int:
    """Choose the network to train: of random ones the first, else the lowest BIE that counts as feasible."""
    if name == "random":
        return 0
    order = [(name == "guarded" and bool(one["violated"]), one["bie"]) for one in networks]
    return order.index(min(order))


def main() -> None:
    """Run all places and print a line for each, and JSON last if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--population", type=int, default=20)
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "benchmark": "drift",
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("msc-snn", "torch", "numpy", "pymoo")},
        "guards": Guards().to_json(),
        "settings": {
            "layers": LAYERS,
            "batch": BATCH,
            "batches": BATCHES,
            "seeds": given.seeds,
            "population": given.population,
            "generations": given.generations,
            "epochs": given.epochs,
        },
        "rejected": [rounded(example.told()) for example in EXAMPLES],
    }
    for example in result["rejected"]:
        print(f"{example['guard']}: {example['what']}", file=sys.stderr)
    for place in PLACES:
        result[place.name] = rounded(
            drift(place, given.seeds, given.population, given.generations, given.epochs)
        )
        for name, figures in result[place.name].items():
            print(f"{place.name} {name}: {json.dumps(figures)}", file=sys.stderr)
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
