"""The command that repeats a training: read back, it gives the very same settings."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import pairwise

import pytest

from msc.search.training.checking import changed
from msc.search.training.finetuning import find_finetuning
from msc.search.training.metrics import Metrics
from msc.search.training.recipe import find_recipe
from msc.search.training.report.command import command_line
from msc.search.training.settings import Settings
from tests.search.training.report.made import finetuned, metrics

OTHER = Settings(
    epochs=7,
    batch=33,
    accumulate=2,
    seed=2**40,
    optimiser="sgd",
    learning_rate=0.1 + 0.2,
    least_learning_rate=1e-7,
    warmup=1 / 3,
    weight_decay=0.0,
    clip=2.5,
    loss="tet",
    sharpness=3.3,
    label_smoothing=0.0,
    regularisation=0.01,
    surrogate="triangle",
    momentum=0.03,
    augment=("shift", "flip"),
    validation=0.25,
    precision="bfloat16",
    threads=2,
)


OPTIONS = ("epochs", "batch", "accumulate", "seed", "threads")


def settings_of(command: str) -> Settings:
    """What a command sets, as `msc train` reads it."""
    pairs = list(pairwise(shlex.split(command)))
    given = dict(pairs)
    texts = {name: given[f"--{name}"] for name in OPTIONS if f"--{name}" in given}
    texts |= dict(word.split("=", 1) for before, word in pairs if before == "--set")
    return changed(find_recipe(given["--recipe"]).settings, texts)


@pytest.mark.parametrize("settings", [Settings(), OTHER], ids=["usual", "all others"])
@pytest.mark.parametrize("recipe", ["digits", "cifar10", "mse-nas-released", "a-file-of-mine"])
def test_the_command_gives_the_same_settings(recipe: str, settings: Settings) -> None:
    assert settings_of(command_line(metrics(recipe=recipe, settings=settings))) == settings


def test_a_recipe_as_it_is_makes_a_short_command() -> None:
    found = metrics(settings=find_recipe("digits").settings)
    assert command_line(found) == "msc train genome.json --data digits --recipe digits --device cpu -o again"


def test_what_changes_a_recipe_is_given() -> None:
    settings = replace(find_recipe("digits").settings, epochs=3, augment=("flip",), clip=0.5)
    assert command_line(metrics(settings=settings)) == (
        "msc train genome.json --data digits --recipe digits --epochs 3 --set clip=0.5 --set augment=flip "
        "--device cpu -o again"
    )


def test_odd_names_are_quoted() -> None:
    words = shlex.split(command_line(metrics(data="a b'$(rm);.npz")))
    assert words[words.index("--data") + 1] == "a b'$(rm);.npz"


def test_a_fine_tuning_starts_from_the_weights_beside_the_report() -> None:
    kind = find_finetuning("loihi")
    settings = replace(find_recipe("digits").settings, **kind.changes)
    found = metrics(settings=settings, finetuned=finetuned(input="bias", thresholds="population"))
    assert command_line(found) == (
        "msc train genome.json --data digits --recipe digits --finetune loihi --weights start.safetensors "
        "--option input=bias --option thresholds=population --device cpu -o again"
    )
    other = replace(settings, warmup=0.1, epochs=20)
    assert command_line(replace(found, settings=other)).endswith(
        "--option thresholds=population --epochs 20 --set warmup=0.1 --device cpu -o again"
    )


def test_several_processes_are_launched() -> None:
    found: Metrics = metrics(processes=4, device="cuda")
    assert command_line(found).startswith("torchrun --no-python --nproc-per-node 4 msc train genome.json")
    assert "--device cuda" in command_line(found)
