"""What `msc train` answers: how the kept network does, where its files are, what to do with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output

if TYPE_CHECKING:
    from msc.search.training.metrics import Metrics, Tested
    from msc.search.training.running import Outcome
    from msc.search.training.watching import Epoch

_FILES = (
    "genome.json",
    "start.safetensors",
    "weights.safetensors",
    "metrics.json",
    "metrics.csv",
    "test.npz",
    "report.html",
    "checkpoint.safetensors",
)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Make what `--json` prints.

    `test` holds `accuracy`, `loss`, `rate` (mean over populations), `rates` (by population, spikes per
    neuron and time step) and `confusion` (a row for each label, a column for each prediction); `kept` the
    number of the `epoch` whose weights are kept, counted from 1, and its `validation_accuracy` and
    `validation_loss` (null where nothing was held out); `epochs` how many were trained; `samples` the numbers
    of those of `training`, `validation` and `test`. `genome` and `data_hash` are hashes; `data`, `recipe`,
    `settings`, `device`, `processes` and `versions` say how it was trained; `files` lie in `folder`.
    `finetuned` is null, or what `--finetune` was given, with the accuracies `floating` and `quantised` of the
    first weights on `validation` and `test` samples.
    """
    metrics, test = outcome.metrics, _test(outcome)
    kept = _kept(metrics)
    return {
        "test": {**asdict(test), "rate": _mean_rate(test)},
        "kept": {
            "epoch": kept.number,
            "validation_accuracy": kept.validation_accuracy,
            "validation_loss": kept.validation_loss,
        },
        "epochs": len(metrics.epochs),
        "samples": dict(metrics.samples),
        "genome": metrics.genome,
        "data": metrics.data,
        "data_hash": metrics.data_hash,
        "recipe": metrics.recipe,
        "finetuned": None if metrics.finetuned is None else asdict(metrics.finetuned),
        "settings": asdict(metrics.settings),
        "device": metrics.device,
        "processes": metrics.processes,
        "versions": dict(metrics.versions),
        "folder": str(outcome.folder),
        "files": _files(outcome.folder),
    }


def lines(outcome: Outcome) -> Iterator[str]:
    """Make what is printed for people, at most 80 columns wide where paths leave room for that."""
    yield from _summary(outcome)
    test = _test(outcome)
    yield ""
    rows = [(name, f"{rate:.4f}") for name, rate in test.rates.items()]
    yield output.table(rows, ("population", "rate in test"))
    yield ""
    yield "files"
    yield from (f"  {path}" for path in _files(outcome.folder))
    genome, weights = (quote(str(outcome.folder / name)) for name in ("genome.json", "weights.safetensors"))
    yield "next"
    yield from _command(f"msc compile {genome}", f"--weights {weights}", *_target(outcome.metrics))
    yield from _command(f"msc verify {genome}", f"--weights {weights}")


def _summary(outcome: Outcome) -> Iterator[str]:
    metrics, test = outcome.metrics, _test(outcome)
    kept, samples = _kept(metrics), metrics.samples
    validated = "the last"
    if kept.validation_accuracy is not None:
        validated = f"validation accuracy {kept.validation_accuracy:.2%}"
    rows = (
        ("test accuracy", f"{test.accuracy:.2%}" + (", quantised" if metrics.finetuned else "")),
        *_before(metrics),
        ("epoch kept", f"{kept.number} of {len(metrics.epochs)}, {validated}"),
        ("samples", ", ".join(f"{count} for {use}" for use, count in samples.items())),
        ("loss", f"{test.loss:.4f} in test, {kept.loss:.4f} in training"),
        ("mean rate", f"{_mean_rate(test):.4f} spikes per neuron and time step"),
        ("recipe", f"{metrics.recipe}, on {metrics.data}"),
    )
    width = max(len(title) for title, _ in rows)
    for title, text in rows:
        first, *more = wrap(text, output.WIDTH - width - 2)
        yield f"{title:{width}}  {first}"
        yield from (" " * (width + 2) + line for line in more)


def _before(metrics: Metrics) -> Iterator[tuple[str, str]]:
    """Say how the weights that were fine-tuned did."""
    finetuned = metrics.finetuned
    if finetuned is not None and finetuned.test is not None:
        before = finetuned.test
        yield "before", f"{before.quantised:.2%} quantised, {before.floating:.2%} in floating point"


def _target(metrics: Metrics) -> tuple[str, ...]:
    """Name what the weights are to be compiled for, with the options that they were trained for."""
    from msc.compiler.driver import find_target
    from msc.search.training.finetuning import find_finetuning

    finetuned = metrics.finetuned
    if finetuned is None:
        return ("--target nir",)
    target = find_target(find_finetuning(finetuned.kind).target)
    usual = {name: option.values[0] for name, option in target.options.items() if option.values}
    chosen = [(key, value) for key, value in finetuned.options.items() if value != usual.get(key)]
    return f"--target {target.name}", *(f"--option {quote(f'{key}={value}')}" for key, value in chosen)


def _command(call: str, *options: str) -> Iterator[str]:
    """Write a command on one line, or several that a shell takes as one: as much on each as fits."""
    lines = [f"  {call}"]
    for option in options:
        if len(lines[-1]) + len(option) + len(" \\ ") > output.WIDTH:
            lines.append(f"    {option}")
        else:
            lines[-1] += f" {option}"
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]


def _test(outcome: Outcome) -> Tested:
    test = outcome.metrics.test
    assert test is not None
    return test


def _kept(metrics: Metrics) -> Epoch:
    assert metrics.best is not None
    return metrics.epochs[metrics.best - 1]


def _mean_rate(test: Tested) -> float:
    return sum(test.rates.values()) / max(len(test.rates), 1)


def _files(folder: Path) -> list[str]:
    return [str(folder / name) for name in _FILES if (folder / name).exists()]
