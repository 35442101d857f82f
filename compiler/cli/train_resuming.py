"""Taking up a training where it stopped: as it was started, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.devices import choose_device
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.train_options import Options, changed_settings, malformed
from msc.compiler.cli.train_tuning import other_start
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from msc.search.training.running import Plan

_FIX = "leave it out to go on as before, or start a new run with another -o"
_CHOSEN_LATER = ("precision", "auto")


def resumed_plan(options: Options, folder: Path, processes: int) -> Plan:
    """Read what the run in a folder was started with; the device alone may be another one.

    Raises FileError or MetricsError for a folder without a run, UsageError with every option that differs.
    """
    from msc.search.training.running import stored_plan

    plan = stored_plan(folder)
    attempt = Attempts(malformed(options))
    attempt.problems += _other_processes(folder, processes)
    attempt.problems += attempt(lambda: tuple(_other_genome(options, plan))) or ()
    if options.data is not None and options.data != plan.data:
        attempt.problems.append(_differs("--data", options.data, plan.data))
    attempt.problems += attempt(lambda: tuple(_other_recipe(options, plan))) or ()
    attempt.problems += attempt(lambda: tuple(_other_settings(options, plan))) or ()
    attempt.problems += attempt(lambda: tuple(other_start(options, plan.start))) or ()
    device = attempt(lambda: choose_device(options.device or plan.device))
    raise_all(UsageError, attempt.problems)
    assert device is not None
    return replace(plan, device=device)


def _other_processes(folder: Path, processes: int) -> Iterator[Problem]:
    from msc.search.training.metrics import NAME, read_metrics

    before = read_metrics(folder / NAME).processes
    if before != processes:
        what = f"was started by {before} processes, now there are {processes}"
        fix = f"use torchrun --nproc-per-node {before}" if before > 1 else "leave out torchrun"
        yield Problem(str(folder), what, f"{fix}, or start a new run with another -o")


def _other_genome(options: Options, plan: Plan) -> Iterator[Problem]:
    from msc.compiler.cli.inputs import load_genome
    from msc.search.canonical import genome_hash

    if options.genome is None:
        return
    given, before = genome_hash(load_genome(options.genome)), genome_hash(plan.genome)
    if given != before:
        yield Problem(options.genome, f"is genome {given[:12]}, the run trains {before[:12]}", _FIX)


def _other_recipe(options: Options, plan: Plan) -> Iterator[Problem]:
    from msc.search.training.recipe import find_recipe

    if options.recipe is not None and find_recipe(options.recipe).name != plan.recipe:
        yield _differs("--recipe", options.recipe, plan.recipe)


def _other_settings(options: Options, plan: Plan) -> Iterator[Problem]:
    settings = changed_settings(options, plan.settings)
    for key in options.texts:
        given, before = getattr(settings, key), getattr(plan.settings, key)
        if given != before and (key, given) != _CHOSEN_LATER:
            yield Problem(options.flag(key), f"the run was started with {_shown(before)}", _FIX)


def _differs(flag: str, given: str, before: str) -> Problem:
    return Problem(f"{flag} {given}", f"the run was started with {before}", _FIX)


def _shown(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return ",".join(cast("tuple[str, ...]", value)) or "none"
