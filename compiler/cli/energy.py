"""`msc energy`: counts what a run does and says what that costs on hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from msc.compiler.cli import energy_parameters as e
from msc.compiler.cli import output
from msc.compiler.cli import parameters as p

if TYPE_CHECKING:
    from msc.compiler.cli.energy_options import Options
    from msc.compiler.energy.report import EnergyReport

CHECK_FAILED = 1


def energy(
    subject: p.SubjectArgument,
    weights: p.WeightsOption = None,
    dt: p.StepOption = None,
    events: p.EventsOption = False,
    data: p.DataOption = None,
    input_path: p.InputOption = None,
    samples: e.SamplesOption = None,
    seed: e.SeedOption = None,
    stage: e.StageOption = None,
    on: e.OnOption = None,
    profile: e.ProfileOption = None,
    option: e.TargetOptionsOption = None,
    static_input: e.StaticInputOption = None,
    fail_above: e.FailAboveOption = None,
    as_json: p.JsonOption = False,
    html: e.HtmlOption = False,
    path: e.FileOption = None,
    download: p.DownloadOption = False,
) -> None:
    """Estimate what a run costs in energy."""
    from msc.compiler.cli.energy_options import Options

    reading = (subject, weights, dt, events, data, input_path, samples, seed)
    asked = (tuple(stage or ()), on, tuple(profile or ()), tuple(option or ()), static_input, fail_above)
    _answer(Options(*reading, *asked, as_json, html, path, download))


def _answer(options: Options) -> None:
    """Run what is asked for, write the answer where it should go, and hold it against the limit."""
    from msc.compiler.cli.energy_settings import prepare

    prepared = prepare(options)  # before what only an answer needs is loaded
    from msc.compiler.cli.energy_limit import exceeding
    from msc.compiler.cli.energy_running import run
    from msc.ir.files import write_atomic

    report = run(prepared)
    if prepared.file is not None:
        write_atomic(prepared.file, _written(report, options))
    output.answer(_json(report) if options.json else _text(report))
    if prepared.file is not None:
        written = f"written: {prepared.file}"
        output.note(written) if options.json else output.answer(f"\n{written}")
    if prepared.limit is None:
        return
    above = list(exceeding(report, prepared.limit))
    for line in above:
        output.note(line)
    if above:
        raise typer.Exit(CHECK_FAILED)


def _written(report: EnergyReport, options: Options) -> bytes:
    """Make what goes into the file: a page, JSON or the terminal's answer."""
    if options.is_page:
        from msc.search.energy.page import page

        return page(report).encode()
    return f"{_json(report) if options.is_json_file else _text(report)}\n".encode()


def _json(report: EnergyReport) -> str:
    from msc.compiler.energy.telling import to_json

    return output.json_text(to_json(report))


def _text(report: EnergyReport) -> str:
    from msc.compiler.cli.energy_table import lines

    return "\n".join(lines(report))
