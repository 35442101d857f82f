"""`msc demo`: the whole chain, from a shipped genome to verified artefacts, on real digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import ForceOption

DEFAULT_FOLDER = "msc-demo"
CHECK_FAILED = 1


def demo(
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="The folder to write.")
    ] = DEFAULT_FOLDER,
    force: ForceOption = False,
) -> None:
    """Train, compile and verify a shipped genome on real digits."""
    from msc.compiler.cli.compile import refuse_occupied

    refuse_occupied(out, force)
    from msc.search.demo import run_demo

    with output.progress("demo") as progress:
        result = run_demo(Path(out), force=force, echo=output.answer, progress=progress)
    if not result.ok:
        raise typer.Exit(CHECK_FAILED)
