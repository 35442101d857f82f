"""Writes the command that repeats a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from shlex import quote

from msc.search.training.finetuning import find_finetuning
from msc.search.training.metrics import Metrics
from msc.search.training.recipe import DEFAULT, Recipe, find_recipe, recipe_names
from msc.search.training.runfolder import GENOME, START
from msc.search.training.settings import Settings

_OPTIONS = ("epochs", "batch", "accumulate", "seed", "threads")  # the settings with an option of their own
_AGAIN = "again"


def own_recipe(name: str) -> Recipe | None:
    """Find the recipe of a training where it comes with msc; a file of the user's is not kept."""
    return find_recipe(name) if name in recipe_names() else None


def usual_settings(metrics: Metrics, recipe: Recipe) -> Settings:
    """Find the settings that a recipe has for what was trained: a fine-tuning changes some of any."""
    kind = metrics.finetuned
    return recipe.settings if kind is None else replace(recipe.settings, **find_finetuning(kind.kind).changes)


def setting_text(value: object) -> str:
    """Write the value of a setting as --set takes it: 0.004, adamw, shift,flip."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def command_line(metrics: Metrics) -> str:
    """Write a command for the shell that trains again as `metrics` tells, in another folder.

    Settings that differ from the recipe's are given one by one, from the default's where it does not come
    with msc.
    """
    recipe = own_recipe(metrics.recipe) or find_recipe(DEFAULT)
    launcher = ["torchrun", "--no-python", "--nproc-per-node", str(metrics.processes)]
    words = launcher if metrics.processes > 1 else []
    words += ["msc", "train", GENOME, "--data", metrics.data, "--recipe", recipe.name]
    words += _finetuning(metrics)
    words += _changes(metrics, recipe)
    words += ["--device", metrics.device, "-o", _AGAIN]
    return " ".join(map(quote, words))


def _finetuning(metrics: Metrics) -> Iterator[str]:
    """Give the weights that a fine-tuning starts from, which lie beside the report, and its options."""
    if metrics.finetuned is not None:
        yield from ("--finetune", metrics.finetuned.kind, "--weights", START)
        for key, value in metrics.finetuned.options.items():
            yield from ("--option", f"{key}={value}")


def _changes(metrics: Metrics, recipe: Recipe) -> Iterator[str]:
    usual = asdict(usual_settings(metrics, recipe))
    for key, value in asdict(metrics.settings).items():
        if value == usual[key]:
            continue
        if key in _OPTIONS:
            yield from (f"--{key}", setting_text(value))
        else:
            yield from ("--set", f"{key}={setting_text(value)}")
