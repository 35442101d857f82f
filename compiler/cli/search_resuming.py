"""Taking up a search where it stopped: the options that its settings were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.search_options import Options


def stored_settings(folder: Path) -> Mapping[str, Any] | None:
    """Read the settings of the search in a folder; None where not even they were written to their end.

    Raises FileError or HistoryError.
    """
    from msc.search.evolution.stored import NAME, parsed_lines

    if not (folder / NAME).exists():
        return None
    content = next(parsed_lines(folder / NAME), (b"", None))[1]
    return None if content is None else content["settings"]


def remembered(stored: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Find the options that stored settings were made of; raises UsageError where they are no settings."""
    import msgspec

    try:
        skeleton, objectives = stored["skeleton"], stored["objectives"]
        names = {field.name for field in fields(Options)} & set(stored)
        values = {name: stored[name] for name in names - {"objectives"}} | stored["limits"]
        values |= {"channels": skeleton["channels"], "timesteps": skeleton["timesteps"]}
        values |= {"fitness": objectives[0], "objectives": ",".join(["fitness", *objectives[1:]])}
        values |= {"no_guards": stored["guards"] is None}
        options = msgspec.convert(values, Options, strict=True)
    except (KeyError, IndexError, TypeError, AttributeError, msgspec.ValidationError) as error:
        what = f"holds settings that cannot be read ({type(error).__name__}: {error})"
        raise UsageError.of(str(folder), what, "search anew with another -o") from error
    return {field.name: getattr(options, field.name) for field in fields(Options)}
