"""The arguments and options that several commands share, each with its one help text."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer


class Space(StrEnum):
    """The search spaces a genome can come from."""

    MSE_NAS = "mse-nas"
    SNASNET = "snasnet"


class Input(StrEnum):
    """The kinds of input a genome can be made for."""

    STATIC = "static"
    EVENTS = "events"


GenomeArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="GENOME", help="A genome file (JSON).", show_default=False)
]
WeightsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="W",
        help="A safetensors file, random[:SEED] or dyadic[:SEED]; random with the genome's seed if left out.",
        show_default=False,
    ),
]
_INPUT = typer.Option(
    "--input",
    metavar="X.npy",
    help="Input data: [B,C,H,W] for a static genome, [T,B,C,H,W] for events.",
    show_default=False,
)
NeededInputOption: TypeAlias = Annotated[str, _INPUT]
InputOption: TypeAlias = Annotated[str | None, _INPUT]
OnOption: TypeAlias = Annotated[
    str, typer.Option("--on", metavar="NAME", help="The simulator: reference, pytorch, nirtorch, norse, ..")
]
ForceOption: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Write into a folder that is not empty.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

TargetOption: TypeAlias = Annotated[
    str, typer.Option("--target", metavar="NAME", help="What to compile for: nir or pytorch.")
]
TargetOptionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="K=V", help="An option of the target; repeatable.", show_default=False),
]
FolderOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="OUT", help="The folder to write (./GENOME-TARGET).", show_default=False
    ),
]
FileOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="The file to write; replaced if it exists.", show_default=False
    ),
]
PrintAfterOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--print-after",
        metavar="PASS",
        help="Print the network after this pass; all for every pass.",
        show_default=False,
    ),
]
SpaceOption: TypeAlias = Annotated[
    Space | None, typer.Option("--space", help="The search space (mse-nas if left out).", show_default=False)
]
SeedOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", min=0, help="The seed it is drawn from (0 if left out).", show_default=False
    ),
]
KindOption: TypeAlias = Annotated[
    Input | None, typer.Option("--input", help="The kind of input (static if left out).", show_default=False)
]
ShapeOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--input-shape", metavar="C,H,W", help="The input's shape.", show_default=False),
]
ClassesOption: TypeAlias = Annotated[
    int | None, typer.Option("--classes", metavar="N", help="How many classes.", show_default=False)
]
ChannelsOption: TypeAlias = Annotated[
    int | None, typer.Option("--channels", metavar="N", help="Channels of the stem.", show_default=False)
]
LayersOption: TypeAlias = Annotated[
    int | None, typer.Option("--layers", metavar="N", help="Layers (mse-nas).", show_default=False)
]
TimestepsOption: TypeAlias = Annotated[
    int | None, typer.Option("--timesteps", metavar="T", help="Time steps.", show_default=False)
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="GENOME",
        help="Keep this genome's genes; change its --input-shape or --classes only.",
        show_default=False,
    ),
]
