"""The arguments and options of `msc train` alone, each with its help text."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

GenomeArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="GENOME", help="A genome file (JSON); not needed to --resume.", show_default=False
    ),
]
RecipeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="How to train: a recipe or a .toml file (that for the data).",
        show_default=False,
    ),
]
EpochsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", help="Times all samples are shown (the recipe's).", show_default=False
    ),
]
BatchOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--batch", metavar="N", help="Samples of one step (the recipe's).", show_default=False),
]
AccumulateOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        metavar="N",
        help="Parts a batch is cut into, which needs less memory (1).",
        show_default=False,
    ),
]
SeedOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", help="The seed of weights, order and augmentation (0).", show_default=False
    ),
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting of the recipe; repeatable.", show_default=False
    ),
]
ThreadsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Parts computed at once (the recipe's).", show_default=False),
]
FinetuneOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--finetune", metavar="KIND", help="Train --weights for a chip's numbers: loihi.", show_default=False
    ),
]
StartOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="W", help="The safetensors file to --finetune from.", show_default=False
    ),
]
TargetOptionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="K=V",
        help="An option of the target to --finetune for; repeatable.",
        show_default=False,
    ),
]
RunFolderOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="RUN",
        help="The run's folder (./train-GENOME, ./finetune-GENOME).",
        show_default=False,
    ),
]
