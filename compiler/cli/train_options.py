"""The options of `msc train`, and which settings of a training they change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msc.compiler.cli.failures import UsageError
from msc.ir.errors import Problem

if TYPE_CHECKING:
    from msc.search.training.settings import Settings

_EXAMPLE = "write it as KEY=VALUE, for example learning_rate=0.002"


@dataclass(frozen=True)
class Options:
    """What a call gives; None where a recipe, or the run that is resumed, decides."""

    genome: str | None = None
    data: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    batch: int | None = None
    accumulate: int | None = None
    seed: int | None = None
    threads: int | None = None
    changes: tuple[str, ...] = ()
    device: str | None = None
    download: bool = False
    finetune: str | None = None
    weights: str | None = None
    target: tuple[str, ...] = ()

    @property
    def named(self) -> Mapping[str, str]:
        """The settings that have an option of their own and are given, as texts."""
        values = {name: getattr(self, name) for name in ("epochs", "batch", "accumulate", "seed", "threads")}
        return {name: str(value) for name, value in values.items() if value is not None}

    @property
    def texts(self) -> Mapping[str, str]:
        """All settings that are given, as texts: those of --set, over them those of options of their own."""
        pairs = (text.partition("=") for text in self.changes)
        given = {key.strip(): value.strip() for key, equals, value in pairs if equals}
        return {key: value for key, value in given.items() if key} | dict(self.named)

    def flag(self, key: str) -> str:
        """Write how a setting was given."""
        text = self.texts.get(key)
        if key in self.named:
            return f"--{key} {text}"
        return f"--set {key}" if text is None else f"--set {key}={text}"


def malformed(options: Options) -> Iterator[Problem]:
    """List the values of --set that set nothing, or the same setting again."""
    seen: set[str] = set()
    for text in options.changes:
        name, equals, _ = text.partition("=")
        key = name.strip()
        if not equals or not key:
            yield Problem(f"--set {text}", "sets nothing", _EXAMPLE)
            continue
        if key in seen:
            yield Problem(f"--set {text}", f"{key} is set twice", "set it once")
        seen.add(key)


def changed_settings(options: Options, settings: Settings) -> Settings:
    """Change settings as options say; raises UsageError listing every offender by its option."""
    from msc.search.training.checking import TrainingSettingsError, changed

    try:
        return changed(settings, options.texts)
    except TrainingSettingsError as error:
        raise UsageError(replace(p, where=options.flag(p.where)) for p in error.problems) from error
