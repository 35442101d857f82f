"""`msc train`: trains a genome's network on data, in a run folder that can be resumed."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from msc.compiler.cli import output
from msc.compiler.cli import parameters as p
from msc.compiler.cli import train_parameters as t

if TYPE_CHECKING:
    from msc.compiler.cli.train_options import Options
    from msc.compiler.cli.train_settings import Prepared
    from msc.ir.errors import Problem
    from msc.search.training.processes import Ranks
    from msc.search.training.running import Outcome


def train(
    genome: t.GenomeArgument = None,
    data: p.DataOption = None,
    recipe: t.RecipeOption = None,
    epochs: t.EpochsOption = None,
    batch: t.BatchOption = None,
    accumulate: t.AccumulateOption = None,
    seed: t.SeedOption = None,
    changes: t.SetOption = None,
    device: p.DeviceOption = None,
    threads: t.ThreadsOption = None,
    finetune: t.FinetuneOption = None,
    weights: t.StartOption = None,
    option: t.TargetOptionsOption = None,
    download: p.DownloadOption = False,
    resume: p.ResumeOption = False,
    out: t.RunFolderOption = None,
    as_json: p.JsonOption = False,
) -> None:
    """Train a genome's network, or fine-tune it for a chip."""
    from msc.compiler.cli.train_options import Options

    named = (genome, data, recipe, epochs, batch, accumulate, seed, threads)
    tuning = (finetune, weights, tuple(option or ()))
    options = Options(*named, tuple(changes or ()), device, download, *tuning)
    folder = _folder(out, genome, resume, "train" if finetune is None else "finetune")
    with _interruptible(folder):
        outcome, leads = _trained(options, folder, resume)
        if leads:
            _answer(outcome, as_json)


def _folder(out: str | None, genome: str | None, resume: bool, kind: str) -> Path:
    """Choose the run's folder: the one named by -o, else one named after the genome and what is done."""
    from msc.compiler.cli.failures import UsageError

    if out is None and resume and genome is None:
        raise UsageError.of("-o", "is missing", "name the folder of the run to --resume")
    return Path(out) if out is not None else Path(f"{kind}-{Path(genome or '').stem}")


def _trained(options: Options, folder: Path, resume: bool) -> tuple[Outcome, bool]:
    """Train, alone or as one of the processes that torchrun started; says whether this one speaks."""
    from msc.compiler.cli.speaking import one_speaks
    from msc.compiler.cli.train_settings import prepare
    from msc.search.training.processes import joined, launched

    ranks = launched()
    with one_speaks(ranks.rank):
        with _claimed(folder, resume) if ranks.leads else nullcontext():
            prepared = prepare(options, folder, resume, ranks.size)
            with joined(prepared.plan.device) as ranks:
                outcome = _run(prepared, folder, resume, ranks)
        return outcome, ranks.leads


@contextmanager
def _claimed(folder: Path, resume: bool) -> Generator[None]:
    """Check the folder before any work; one that was made for a run that never began goes again."""
    from msc.search.training.runfolder import check_folder

    made = not folder.exists()
    try:
        check_folder(folder, resume)
        yield
    except BaseException:
        if made:
            with suppress(OSError):  # a run has begun: it is not empty
                folder.rmdir()
        raise


def _run(prepared: Prepared, folder: Path, resume: bool, ranks: Ranks) -> Outcome:
    """Train and write the report; a training that breaks down says what it leaves."""
    from msc.compiler.cli.train_live import watch
    from msc.search.training.health import TrainError
    from msc.search.training.metrics import NAME
    from msc.search.training.report import write_report
    from msc.search.training.running import train_run
    from msc.search.training.watching import Unwatched

    plan, split = prepared.plan, prepared.split
    if not ranks.leads:
        return train_run(plan, split, folder, Unwatched(), ranks, resume)
    try:
        with watch() as watcher:
            outcome = train_run(plan, split, folder, watcher, ranks, resume)
    except TrainError as error:
        if not (folder / NAME).exists():  # it did not begin
            raise
        write_report(folder)
        raise TrainError([*error.problems, _left(folder)]) from error
    write_report(folder)
    return outcome


def _left(folder: Path) -> Problem:
    """Say which weights a training that broke down leaves behind."""
    from msc.ir.errors import Problem
    from msc.search.training.metrics import NAME, read_metrics
    from msc.search.training.runfolder import WEIGHTS

    metrics = read_metrics(folder / NAME)
    if metrics.best is None:
        return Problem(
            str(folder), "no epoch was finished, no weights are kept", "start anew with another -o"
        )
    kept = f"holds the weights of epoch {metrics.best} of {metrics.settings.epochs}, the best before that"
    return Problem(str(folder / WEIGHTS), kept, "use them as they are, or start anew with another -o")


@contextmanager
def _interruptible(folder: Path) -> Generator[None]:
    """Take the first Ctrl-C as the end of the command; the first of several processes says how to go on."""
    from msc.compiler.cli.interruption import interruptible

    def tell() -> None:
        if os.environ.get("RANK", "0") == "0":
            output.note(_going_on(folder))

    with interruptible(tell):
        yield


def _going_on(folder: Path) -> str:
    """Say where a training was interrupted, and how to go on if it had begun."""
    from msc.search.training.metrics import NAME, read_metrics

    if not (folder / NAME).exists():
        return "interrupted"
    metrics = read_metrics(folder / NAME)
    done, of = len(metrics.epochs), metrics.settings.epochs
    place = f"after epoch {done} of {of}" if done else f"in epoch 1 of {of}"
    launcher = f"torchrun --no-python --nproc-per-node {metrics.processes} " if metrics.processes > 1 else ""
    return f"interrupted {place}; go on with: {launcher}msc train --resume -o {quote(str(folder))}"


def _answer(outcome: Outcome, as_json: bool) -> None:
    """Print what the training gave."""
    from msc.compiler.cli.train_answer import lines, to_json

    if as_json:
        output.answer_json(to_json(outcome))
    else:
        output.answer("\n".join(lines(outcome)))
