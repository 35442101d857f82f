"""`msc show`: describes a genome: layers, motifs, neurons, synapses, and what lowering dropped."""

from __future__ import annotations

from typing import Annotated

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import GenomeArgument, JsonOption


def show(
    genome: GenomeArgument,
    svg: Annotated[
        str | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe a genome, as a table, JSON or a drawing."""
    from msc.compiler.cli.inputs import load_genome
    from msc.ir.files import write_atomic
    from msc.search.describe import describe

    loaded = load_genome(genome)
    description = describe(loaded)
    if svg is not None:
        from msc.search.draw import draw_svg

        write_atomic(svg, draw_svg(loaded).encode())
        output.note(f"drawn into {svg}")
    if as_json:
        output.answer_json(description)
