"""New genomes: random connected ones, and known genes on another input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from msc.ir.errors import MscError
from msc.ir.neurons import InputKind
from msc.search.canonical import canonical
from msc.search.genome import Genome, dump_genome, parse_genome
from msc.search.lower import lower
from msc.search.skeleton import Skeleton, fitting_reductions
from msc.search.spaces import find_space

_TRIES = 1000


class GenerationError(MscError):
    """No connected genome was found."""


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
    **others: Any,
) -> Genome:
    """Draw a random connected genome in canonical form; the same arguments give the same genome.

    Reductions stand at layers 1, 3, 5 below the layer count while the map stays at least 2 wide. Others of
    the skeleton (`dale`, `recurrence`, `hidden`, `pool`, `neuron`) keep the space's defaults unless given.
    Raises GenomeError for a skeleton out of range, GenerationError where all draws are disconnected.
    """
    chosen = find_space(space)
    has_layers = chosen.layer_count(chosen.draw(np.random.default_rng(0), 1)) is not None
    wanted = tuple(index for index in (1, 3, 5) if index < layers) if has_layers else ()
    skeleton = Skeleton(
        InputKind(input),
        input_shape,
        classes,
        votes,
        channels if channels is not None else 48,
        timesteps,
        fitting_reductions(wanted, input_shape) if min(input_shape) > 0 else (),
        others.get("neuron", chosen.neuron),
        others.get("dale", chosen.dale),
        others.get("recurrence", chosen.recurrence),
        others.get("hidden", None if has_layers else 1024),
        others.get("pool", None if has_layers else 2),
    )
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        genome = _checked(Genome(space, chosen.draw(rng, layers), skeleton, seed))
        if lower(genome).network is not None:
            return canonical(genome)
    raise GenerationError.of(
        f"seed {seed}", f"{_TRIES} random genomes were all disconnected", "use another seed or fewer layers"
    )


def from_genome(
    genome: Genome, input_shape: tuple[int, int, int] | None = None, classes: int | None = None
) -> Genome:
    """Put the same genes on another input shape or class count.

    Reductions that would make the new map narrower than 2 are left out. Raises GenomeError where the new
    skeleton is out of range.
    """
    skeleton = genome.skeleton
    shape = input_shape or skeleton.input_shape
    changed = replace(
        skeleton,
        input_shape=shape,
        classes=skeleton.classes if classes is None else classes,
        reductions=skeleton.reductions
        if input_shape is None
        else fitting_reductions(skeleton.reductions, shape),
    )
    return _checked(replace(genome, skeleton=changed))


def _checked(genome: Genome) -> Genome:
    """Put a genome through the checks that a file goes through."""
    return parse_genome(dump_genome(genome), "genome")
