"""`msc doctor`: says what is installed, what each missing part would enable, and what installs it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from msc.compiler.cli import output
from msc.compiler.cli.doctor_lava import install as install_parts
from msc.compiler.cli.doctor_lava import lava_parts
from msc.compiler.cli.doctor_packages import Part, package_parts
from msc.compiler.cli.guarding import guarded
from msc.compiler.cli.parameters import JsonOption

CHECK_FAILED = 1


def doctor(
    install: Annotated[
        list[str] | None,
        typer.Option(
            "--install",
            metavar="NAME",
            help="Install lava or lava-dl in an environment of its own; repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed and how to install the rest."""
    if install:
        guarded(_install)(install)
        return
    found = (*package_parts(), *lava_parts())
    if as_json:
        output.answer_json({"python": sys.version.split()[0], "parts": [asdict(part) for part in found]})
    else:
        _tell(found)
    if any(part.required and part.state != "ok" for part in found):
        raise typer.Exit(CHECK_FAILED)


def _install(names: list[str]) -> None:
    output.answer(install_parts(names))


def _tell(found: tuple[Part, ...]) -> None:
    output.answer(f"python {sys.version.split()[0]} at {sys.executable}\n")
    rows = [(part.name, part.found or "-", part.state, part.enables) for part in found]
    output.answer(output.table(rows, ("part", "version", "state", "enables")))
    elsewhere = {part.where for part in found if part.where is not None and part.state == "ok"}
    for where in sorted(elsewhere):
        output.answer(f"\nlava runs in {where}")
    wrong = [part for part in found if part.state != "ok"]
    for part in wrong:
        need = "needed" if part.required else "optional"
        why = "" if part.where is None else f"  {part.where}\n"
        output.answer(f"\n{part.name} ({need}; {part.enables}):\n{why}  {part.install}")
    output.answer("" if wrong else "\nEverything msc can use is installed.")
