"""`msc new`: writes a random connected genome, or another genome's genes on a new skeleton."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    ChannelsOption,
    ClassesOption,
    FileOption,
    FromOption,
    KindOption,
    LayersOption,
    SeedOption,
    ShapeOption,
    Space,
    SpaceOption,
    TimestepsOption,
)

if TYPE_CHECKING:
    from msc.search.genome import Genome

DEFAULT_PATH = "genome.json"


def new(
    space: SpaceOption = None,
    seed: SeedOption = None,
    kind: KindOption = None,
    input_shape: ShapeOption = None,
    classes: ClassesOption = None,
    channels: ChannelsOption = None,
    layers: LayersOption = None,
    timesteps: TimestepsOption = None,
    origin: FromOption = None,
    path: FileOption = None,
) -> None:
    """Write a random connected genome."""
    from msc.ir.files import write_atomic
    from msc.search.canonical import genome_hash
    from msc.search.genome import dump_genome

    given: dict[str, Any] = {
        "space": space,
        "seed": seed,
        "input": kind,
        "input_shape": None if input_shape is None else parse_shape(input_shape),
        "classes": classes,
        "channels": channels,
        "layers": layers,
        "timesteps": timesteps,
    }
    destination = output.destination(path, DEFAULT_PATH)
    given = {name: value for name, value in given.items() if value is not None}
    genome = _draw(**given) if origin is None else _derive(origin, given)
    write_atomic(destination, dump_genome(genome))
    output.answer(f"{destination}  {genome.space}  {genome_hash(genome)[:12]}")


def parse_shape(text: str) -> tuple[int, ...]:
    """Parse `C,H,W`; raises UsageError where it is not three positive integers."""
    from msc.compiler.cli.failures import UsageError

    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 10 and int(p) for p in parts):
        raise UsageError.of(
            f"--input-shape {text}",
            "is not three positive integers",
            "write it as C,H,W, for example 3,32,32",
        )
    return tuple(map(int, parts))


def _draw(space: Space = Space.MSE_NAS, seed: int = 0, **skeleton: Any) -> Genome:
    from msc.compiler.cli.failures import UsageError
    from msc.search.generate import new_genome
    from msc.search.skeleton import MOST_LAYERS

    layers = skeleton.get("layers")
    if layers is not None and space is Space.SNASNET:
        raise UsageError.of(f"--layers {layers}", "space snasnet has two cells and no layers", "leave it out")
    if layers is not None and not 0 <= layers <= MOST_LAYERS:
        raise UsageError.of(f"--layers {layers}", f"is not from 0 to {MOST_LAYERS}", "give fewer layers")
    return new_genome(space.value, seed, **skeleton)


def _derive(origin: str, given: Mapping[str, Any]) -> Genome:
    """Put another genome's genes on a new input shape or class count; all else given is refused."""
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.inputs import load_genome
    from msc.ir.errors import Problem, raise_all
    from msc.search.generate import from_genome

    raise_all(
        UsageError,
        [
            Problem(
                f"--{name.replace('_', '-')}",
                "cannot be changed with --from, which keeps the genes and their skeleton",
                "leave it out; only --input-shape and --classes can change",
            )
            for name in given
            if name not in ("input_shape", "classes")
        ],
    )
    return from_genome(load_genome(origin), **given)
