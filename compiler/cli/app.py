"""The typer application: its commands, by name, and how their exit codes leave the process."""

from __future__ import annotations

import errno
from typing import Annotated

import typer

from msc.compiler.cli import compile, demo, doctor, energy, new, output, run, search, show, train, verify
from msc.compiler.cli.guarding import guarded

ABOUT = "Turn an evolved spiking-network genome into artefacts that run the same, spike for spike."

app = typer.Typer(
    name="msc",
    help=ABOUT,
    epilog="Exit codes: 0 done, 1 a check failed, 2 the input or the call is wrong, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.answer(f"msc {version('msc-snn')}")
        raise typer.Exit


@app.callback(help=ABOUT)
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that come before a command."""


app.command("new")(guarded(new.new))
app.command("show")(guarded(show.show))
app.command("search")(guarded(search.search))
app.command("train")(guarded(train.train))
app.command("compile")(guarded(compile.compile_command))
app.command("run")(guarded(run.run))
app.command("verify")(guarded(verify.verify))
app.command("energy")(guarded(energy.energy))
app.command("demo")(guarded(demo.demo))
app.command("doctor")(doctor.doctor)  # not guarded: it must work where what guarding imports is missing


def run_app() -> int:
    """Run the command named by the process's arguments; returns the exit code."""
    try:
        app(prog_name="msc")
    except SystemExit as leaving:
        code = leaving.code
    except OSError as error:  # the help text is written by typer
        if error.errno != errno.ENOSPC:
            raise
        code = 2
    else:
        code = 0
    code = code if isinstance(code, int) else 1 if code else 0
    return code if output.finish() else max(code, 2)
