"""The options of `msc energy` alone, each with its help text."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

SamplesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--samples", metavar="N", help="Samples to run, drawn by --seed (1000).", show_default=False
    ),
]
SeedOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", help="Which samples are drawn, where there are more (0).", show_default=False
    ),
]
StageOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        metavar="NAME",
        help="What runs: trained, quantised (for Loihi) or placed (on its cores); repeatable.",
        show_default=False,
    ),
]
OnOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="NAME",
        help="The simulator whose spikes are counted (pytorch; of integers: loihi).",
        show_default=False,
    ),
]
ProfileOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME|FILE",
        help="Hardware to price with, a .toml file for your own; repeatable (loihi1, cmos45-int8).",
        show_default=False,
    ),
]
TargetOptionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="K=V",
        help="An option of target lava, for the later stages; repeatable; help lists them.",
        show_default=False,
    ),
]
StaticInputOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--static-input",
        metavar="WHEN",
        help="When the current of a static frame is computed: once or every-step (once in folders for "
        "pytorch and onnx, else every-step).",
        show_default=False,
    ),
]
FailAboveOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--fail-above",
        metavar="ENERGY",
        help="Exit with 1 where a profile may need more per sample, such as 2.5uJ.",
        show_default=False,
    ),
]
HtmlOption: TypeAlias = Annotated[bool, typer.Option("--html", help="Write a page (./NAME-energy.html).")]
FileOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write: .html, .json, else text; replaced if it exists.",
        show_default=False,
    ),
]
