"""`msc show`: describes a genome, a NIR file or an artefact: what is in it, what it costs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import EventsOption, JsonOption, StepOption, SubjectArgument

if TYPE_CHECKING:
    from msc.compiler.cli.subjects import Reading, Subject

_Shown: TypeAlias = "tuple[Mapping[str, Any], str, Iterator[str]]"  # the description, drawing, lines


def show(
    subject: SubjectArgument,
    dt: StepOption = None,
    events: EventsOption = False,
    svg: Annotated[
        str | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe a network, as a table, JSON or a drawing."""
    from msc.compiler.cli.kinds import Kind, kind_of
    from msc.compiler.cli.subjects import Reading, open_subject

    reading = Reading(dt=dt, events=events)
    if kind_of(subject) is Kind.GENOME:
        shown, drawing, lines = _of_genome(subject, reading, svg is not None)
    else:
        shown, drawing, lines = _of_network(open_subject(subject, reading, quiet=True), svg is not None)
    if svg is not None:
        from msc.ir.files import write_atomic

        write_atomic(svg, drawing.encode())
        output.note(f"drawn into {svg}")
    if as_json:
        output.answer_json(shown)
    else:
        output.answer("\n".join(lines))


def _of_genome(path: str, reading: Reading, drawn: bool) -> _Shown:
    """Describe a genome, a disconnected one too."""
    from msc.compiler.cli.describing_genomes import genome_lines
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.inputs import load_genome
    from msc.compiler.cli.kinds import Kind
    from msc.ir.errors import raise_all
    from msc.search.describe import describe
    from msc.search.draw import draw_svg

    raise_all(UsageError, reading.misfits(path, Kind.GENOME, False))
    genome = load_genome(path)
    description = describe(genome)
    return description, draw_svg(genome) if drawn else "", genome_lines(description)


def _of_network(subject: Subject, drawn: bool) -> _Shown:
    """Describe what was read from a NIR file or an artefact, and what an artefact's report adds."""
    from msc.compiler.cli.artefacts import read_report
    from msc.ir.describe import describe_network
    from msc.ir.hashing import network_hash, weights_hash
    from msc.search.draw_network import draw_network_svg

    model = subject.model()
    report, missing = (None, None) if subject.made_for is None else read_report(subject.path)
    description = {
        "source": subject.facts["source"],
        "notes": list(subject.notes),
        "report": report,
        "network_hash": network_hash(model.network),
        "weights_hash": weights_hash(model.weights),
        **describe_network(model),
    }
    drawing = draw_network_svg(model, _title(subject)) if drawn else ""
    return description, drawing, _network_lines(subject, description, missing)


def _title(subject: Subject) -> str:
    name = Path(os.path.abspath(subject.path)).name
    return f"NIR file {name}" if subject.made_for is None else f"{subject.made_for} artefact {name}"


def _network_lines(subject: Subject, found: Mapping[str, Any], missing: str | None) -> Iterator[str]:
    """Write the answer: what was read, the network, and where it comes from."""
    from msc.compiler.cli.describing import describe_lines, indented, report_lines

    yield from indented(_title(subject))
    if "dt" in found["source"]:
        yield from indented(f"time step {found['source']['dt']} s, sha256 {found['source']['sha256'][:12]}")
    if subject.in_machine_time:
        from msc.compiler.timing import latency

        late = latency(subject.network)
        yield from indented(f"in machine time: output starts {late} steps after input")
    yield from indented(f"network {found['network_hash'][:12]}, weights {found['weights_hash'][:12]}")
    yield from describe_lines(found)
    if found["notes"]:
        yield from ("", "notes of reading:")
    for text in found["notes"]:
        yield from indented(text, 2)
    if missing is not None:
        yield from ("", *indented(f"no report: {missing}"))
    if found["report"]:
        yield from ("", *report_lines(found["report"]))
