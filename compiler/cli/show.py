"""`msc show`: describes a genome: layers, motifs, neurons, synapses, and what lowering dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Annotated, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import GenomeArgument, JsonOption

HEADERS = ("layer", "motif", "neurons", "synapses", "weights", "MACs/step", "populations")


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
    else:
        output.answer("\n".join(_lines(description)))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    skeleton, totals = found["skeleton"], found["totals"]
    shape = "x".join(map(str, skeleton["input_shape"]))
    yield f"{found['space']} {found['hash'][:12]}"
    yield f"{skeleton['input']} input {shape}, {found['timesteps']} steps, {skeleton['classes']} classes"
    if not found["connected"]:
        yield from _indented(f"disconnected: {found['cut']}", 0)
    yield ""
    yield output.table([_row(group) for group in found["groups"]], HEADERS)
    yield ""
    yield from _indented(
        f"in all {totals['neurons']} neurons, {totals['synapses']} synapses, {totals['weights']} weights, "
        f"{totals['biases']} biases, {totals['macs_per_step']} MACs per step",
        0,
    )
    for what in ("neurons", "synapses"):
        mix = found["balance"][what]
        yield f"{what}: {mix['excitatory']} excitatory, {mix['inhibitory']} inhibitory"
    yield from _connections(found)


def _row(group: Mapping[str, Any]) -> tuple[object, ...]:
    members = [name.rpartition(".")[2] for name in group["populations"]]
    counts = (group["neurons"], group["synapses"], group["weights"], group["macs"])
    name = group["name"] or f"({group['in_genome']})"
    return (name, group["code"], *counts, " ".join(members) if members else "dropped")


def _connections(found: Mapping[str, Any]) -> Iterator[str]:
    for group in found["groups"]:
        if group["ops"]:
            yield from ("", f"into {group['name']}:")
            yield from _indented(", ".join(group["ops"]), 2)
    for cycle in found["cycles"]:
        yield ""
        yield from _indented("feedback: " + " -> ".join((*cycle, cycle[0])), 0)
    if found["dropped"]:
        yield from ("", "dropped (numbered as in the file):")
        for part in found["dropped"]:
            yield from _indented(f"{part['name']}: {part['reason']}", 2)


def _indented(text: str, by: int) -> list[str]:
    return wrap(text, output.WIDTH, initial_indent=" " * by, subsequent_indent=" " * (by + 2))
