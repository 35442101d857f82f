"""New genomes: random connected ones, and known genes on another input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.neurons import LIF, InputKind
from msc.search.canonical import canonical
from msc.search.genome import Genome, dump_genome, parse_genome
from msc.search.lower import lower
from msc.search.skeleton import MOST_LAYERS, Dale, Recurrence, Skeleton, fitting_reductions
from msc.search.spaces import Space, find_space

_TRIES = 1000


class GenerationError(MscError):
    """Genomes cannot be drawn as asked, or none that was drawn is connected."""


def new_genome(
    space: str = "mse-nas",
    seed: int = 0,
    *,
    input: str = "static",
    input_shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    votes: int = 10,
    channels: int | None = None,
    layers: int = 6,
    timesteps: int = 4,
    neuron: LIF | None = None,
    dale: Dale | None = None,
    recurrence: Recurrence | None = None,
    hidden: int | None = None,
    pool: int | None = None,
) -> Genome:
    """Draw a random connected genome in canonical form; the same arguments give the same genome.

    Reductions stand at layers 1, 3, 5 below the layer count while the map stays at least 2 wide. What is
    None has the space's default; `layers` counts in space mse-nas only. Raises GenomeError for a skeleton
    out of range, GenerationError for a seed or layers out of range and where all draws are disconnected.
    """
    _check_draw(seed, layers)
    skeleton = new_skeleton(
        space,
        input=input,
        input_shape=input_shape,
        classes=classes,
        votes=votes,
        channels=channels,
        layers=layers,
        timesteps=timesteps,
        neuron=neuron,
        dale=dale,
        recurrence=recurrence,
        hidden=hidden,
        pool=pool,
    )
    return canonical(draw_connected(find_space(space), skeleton, np.random.default_rng(seed), layers, seed))


def new_skeleton(
    space: str = "mse-nas",
    *,
    input: str = "static",
    input_shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    votes: int = 10,
    channels: int | None = None,
    layers: int = 6,
    timesteps: int = 4,
    neuron: LIF | None = None,
    dale: Dale | None = None,
    recurrence: Recurrence | None = None,
    hidden: int | None = None,
    pool: int | None = None,
) -> Skeleton:
    """Make the skeleton that `new_genome` mounts its genes on; checked when a genome is made of it."""
    chosen = find_space(space)
    has_layers = chosen.layer_count(chosen.draw(np.random.default_rng(0), 1)) is not None
    wanted = tuple(index for index in (1, 3, 5) if index < layers) if has_layers else ()
    return Skeleton(
        InputKind(input),
        input_shape,
        classes,
        votes,
        48 if channels is None else channels,
        timesteps,
        fitting_reductions(wanted, input_shape) if min(input_shape) > 0 else (),
        neuron or chosen.neuron,
        dale or chosen.dale,
        recurrence or chosen.recurrence,
        1024 if hidden is None and not has_layers else hidden,
        2 if pool is None and not has_layers else pool,
    )


def from_genome(
    genome: Genome, input_shape: tuple[int, int, int] | None = None, classes: int | None = None
) -> Genome:
    """Put the same genes on another input shape or class count.

    All else stays, the seed too. On another height or width, reductions that would make the map narrower
    than 2 are left out. Raises GenomeError where the new skeleton is out of range.
    """
    skeleton = genome.skeleton
    shape = skeleton.input_shape if input_shape is None else input_shape
    changed = replace(
        skeleton,
        input_shape=shape,
        classes=skeleton.classes if classes is None else classes,
        reductions=skeleton.reductions
        if shape[1:] == skeleton.input_shape[1:]
        else fitting_reductions(skeleton.reductions, shape),
    )
    return _checked(replace(genome, skeleton=changed))


def _check_draw(seed: int, layers: int) -> None:
    """Refuse what cannot be drawn from, listing both offenders."""
    problems: list[Problem] = []
    if seed < 0:
        problems.append(Problem(f"seed {seed}", "is below 0", "give an integer from 0"))
    if not 0 <= layers <= MOST_LAYERS:
        problems.append(Problem(f"layers {layers}", "is out of range", f"give 0 to {MOST_LAYERS}"))
    raise_all(GenerationError, problems)


def _checked(genome: Genome) -> Genome:
    """Put a genome through the checks that a file goes through."""
    return parse_genome(dump_genome(genome), "genome")


def draw_connected(
    space: Space, skeleton: Skeleton, rng: np.random.Generator, layers: int, seed: int
) -> Genome:
    """Draw genes until the genome is connected; it carries `seed`. Raises GenerationError if none ever is."""
    for _ in range(_TRIES):
        genome = _checked(Genome(space.name, space.draw(rng, layers), skeleton, seed))
        if lower(genome).network is not None:
            return genome
    raise GenerationError.of(
        f"seed {seed}", f"{_TRIES} random genomes were all disconnected", "use another seed or fewer layers"
    )
