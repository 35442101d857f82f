"""The options of `msc search` that no other command has use for, each with its help text."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

EnergyProfileOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--energy-profile",
        metavar="NAME|FILE",
        help="Measure energy, too, with this profile (where searched by: loihi1).",
        show_default=False,
    ),
]
