"""The options that decide what `msc search` does, with their defaults and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from msc.compiler.cli.devices import AUTO
from msc.ir.errors import Problem

_RANGES: Mapping[str, tuple[int, int | None]] = {
    "channels": (1, 4096),
    "layers": (0, 128),
    "timesteps": (1, 1024),
    "batch": (2, None),
    "batches": (1, None),
    "population": (2, None),
    "generations": (0, None),
    "seed": (0, 2**63 - 1),
    "max_params": (1, None),
    "max_synops": (1, None),
    "min_neurons": (1, None),
    "max_neurons": (1, None),
    "finalists": (1, None),
    "weight_seeds": (1, None),
    "epochs": (1, None),
    "workers": (1, None),
}


@dataclass(frozen=True)
class Options:
    """What the settings of a search are made of, and the number of workers.

    None is where the space, the data or the pool of workers decides, or where nothing limits.
    """

    data: str = ""
    space: str = "mse-nas"
    kind: str | None = None
    input_shape: str | None = None
    classes: int | None = None
    channels: int | None = None
    layers: int = 6
    timesteps: int | None = None
    batch: int = 32
    batches: int = 2
    fitness: str = "sahd"
    objectives: str = "fitness"
    strategy: str = "evolve"
    population: int = 50
    generations: int = 80
    device: str = AUTO
    seed: int = 0
    max_params: int | None = None
    max_synops: int | None = None
    min_neurons: int | None = None
    max_neurons: int | None = None
    fit: str | None = None
    energy_profile: str | None = None
    no_guards: bool = False
    finalists: int = 5
    weight_seeds: int = 3
    check_accuracy: bool = False
    epochs: int = 5
    workers: int | None = None


def given_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the options that a call gives: those that are neither None nor a flag left out."""
    names = [field.name for field in fields(Options)]
    given = {name: values[name] for name in names if values[name] is not None}
    return {name: value for name, value in given.items() if value is not False}


def out_of_range(options: Options, given: Mapping[str, Any]) -> Iterator[Problem]:
    """List the options that are missing, out of range or at odds with each other."""
    if not options.data:
        yield Problem("--data", "is missing", "name a data set, such as digits, or an .npz file")
    for name, (least, most) in _RANGES.items():
        value = getattr(options, name)
        if not in_range(name, value):
            span = f"{least} or more" if most is None else f"{least} to {most}"
            yield Problem(f"{flag(name)} {value}", "is out of range", f"give {span}")
    if options.space == "snasnet" and "layers" in given:
        yield Problem(
            f"--layers {options.layers}", "space snasnet has two cells and no layers", "leave it out"
        )
    fewest, most = options.min_neurons, options.max_neurons
    if fewest is not None and most is not None and fewest > most:
        yield Problem(f"--min-neurons {fewest}", f"is more than --max-neurons {most}", "give a smaller one")


def in_range(name: str, value: int | None) -> bool:
    """Say whether an option may have a value; None is always one."""
    least, most = _RANGES[name]
    return value is None or (value >= least and (most is None or value <= most))


def flag(name: str) -> str:
    """Write an option's name as the command line does."""
    return f"--{name.replace('_', '-')}"
