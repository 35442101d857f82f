"""Lists all that is needed to repeat a training: settings, where they come from, versions, hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from msc.search.reporting.markup import code, facts, paragraph, plural, section, table, text
from msc.search.training.finetuning import find_finetuning
from msc.search.training.recipe import Recipe
from msc.search.training.report.command import command_line, own_recipe, setting_text, usual_settings
from msc.search.training.report.run import Run
from msc.search.training.runfolder import START

_TITLE = "Settings"


def settings_section(run: Run) -> str:
    """List the settings beside the rest, under the command that repeats the training."""
    recipe = own_recipe(run.metrics.recipe)
    columns = (_settings(run, recipe), facts(_facts(run, recipe)))
    beside = f'<div class="beside">{"".join(f"<div>{column}</div>" for column in columns)}</div>'
    return section("settings", _TITLE, beside, "<h3>To repeat it</h3>", _repeated(run, recipe))


def _settings(run: Run, recipe: Recipe | None) -> str:
    given = asdict(run.metrics.settings)
    usual = {} if recipe is None else asdict(usual_settings(run.metrics, recipe))
    rows = ([code(key), _value(given[key]), _origin(run, key, given, usual)] for key in given)
    return table(["setting", "value", "from"], rows, kind="given")


def _value(value: object) -> str:
    return text(setting_text(value)) or "none"


def _origin(run: Run, key: str, given: dict[str, object], usual: dict[str, object]) -> str:
    """Say whether a setting is the recipe's."""
    if key not in usual:
        return "–"
    kind = run.metrics.finetuned
    if kind is not None and key in find_finetuning(kind.kind).changes:
        usually = f"fine-tuning {text(kind.kind)}"
        if given[key] == usual[key]:
            return usually
        return f"<strong>changed</strong>; {usually} has {_value(usual[key])}"
    if given[key] == usual[key]:
        return f"recipe {text(run.metrics.recipe)}"
    return f"<strong>changed</strong>; the recipe has {_value(usual[key])}"


def _facts(run: Run, recipe: Recipe | None) -> Iterator[tuple[str, str]]:
    metrics = run.metrics
    samples = ", ".join(f"{metrics.samples[part]:,} {part}" for part in ("training", "validation", "test"))
    yield "data", f"{code(metrics.data)}, {metrics.classes:,} classes"
    yield "samples", samples
    yield "data hash", code(metrics.data_hash)
    yield "genome hash", code(metrics.genome)
    yield from _finetuned(run)
    yield from _recipe(run, recipe)
    yield "seeds", f"{metrics.settings.seed}; what is held out is the same for every seed"
    yield "device", text(metrics.device)
    yield "processes", f"{metrics.processes:,}, {plural(metrics.settings.threads, 'thread')} each"
    yield "versions", text(", ".join(f"{name} {version}" for name, version in metrics.versions.items()))


def _finetuned(run: Run) -> Iterator[tuple[str, str]]:
    finetuned = run.metrics.finetuned
    if finetuned is not None:
        options = " ".join(f"{key}={value}" for key, value in finetuned.options.items())
        yield "fine-tuning", f"{code(finetuned.kind)}, {code(options)}" if options else code(finetuned.kind)
        yield "from weights", f"{code(START)}, {code(finetuned.weights)}"


def _recipe(run: Run, recipe: Recipe | None) -> Iterator[tuple[str, str]]:
    name = code(run.metrics.recipe)
    if recipe is None:
        yield "recipe", f"{name}, a file that does not come with this msc: what it says itself is not known"
        return
    yield "recipe", name
    yield "made for", text(recipe.title)
    yield "its source", text(recipe.source)


def _repeated(run: Run, recipe: Recipe | None) -> str:
    where = f"{code('genome.json')} is the one beside this report."
    if run.metrics.finetuned is not None:
        where = f"{code('genome.json')} and {code(START)} are those beside this report."
    one_by_one = "" if recipe else "What the recipe says otherwise than the default one is set one by one."
    same = (
        "The same versions on a CPU of the same kind give the same weights."
        if run.metrics.device == "cpu"
        else "Sums on a GPU are not always added in the same order: weights may differ a little."
    )
    command = f'<pre class="command">{text(command_line(run.metrics))}</pre>'
    return command + paragraph(where, one_by_one, same, kind="quiet")
