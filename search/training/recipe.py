"""Recipes: files that say how to train on a data set, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from msc.compiler.toml_files import Kind, line_of_text, unknown_keys
from msc.ir.errors import MscError, Problem, raise_all
from msc.search.data import SACCADES
from msc.search.training.checking import read_settings
from msc.search.training.settings import Settings

FORMAT, VERSION = "msc.recipe", 1
DEFAULT = "default"
_RELEASED = "-released"  # settings of published code, for no data set by themselves
_KEYS = ("format", "version", "title", "source", "settings")


class RecipeError(MscError):
    """A recipe does not exist, or a file is none."""


@dataclass(frozen=True)
class Recipe:
    """How to train; `title` says for what, `source` where its numbers come from."""

    name: str
    title: str
    source: str
    settings: Settings


_RECIPES = Kind("recipe", FORMAT, VERSION, RecipeError, "msc.search.training", "recipes")


def recipe_names() -> tuple[str, ...]:
    """List the recipes that come with msc."""
    return _RECIPES.names()


def find_recipe(name_or_path: str) -> Recipe:
    """Read a recipe that comes with msc by its name, or the recipe file at a path that ends in .toml.

    Raises RecipeError naming the recipes there are or listing all that is wrong in a file, or FileError.
    """
    return parse_recipe(*_RECIPES.find(name_or_path))


def recipe_for(data: str) -> Recipe:
    """Find the recipe for what `--data` names: the data set's own, that for saccades, or the default."""
    name = data.partition(":")[0] if data.startswith(SACCADES) else data
    ours = name in recipe_names() and not name.endswith(_RELEASED)
    return find_recipe(name if ours else DEFAULT)


def parse_recipe(data: bytes, name: str, where: str) -> Recipe:
    """Parse the bytes of a recipe file; `where` names it in errors.

    Settings that it leaves out are as in `Settings`. Raises RecipeError with one problem per offender: TOML,
    format, version, unknown or missing keys, types, ranges.
    """
    content = _RECIPES.decode(data, where)
    inside = f"{where}, "
    problems = list(unknown_keys(content, _KEYS, inside))
    title, missing = line_of_text(content, "title", inside)
    source, more = line_of_text(content, "source", inside)
    problems += [*missing, *more]
    given = content.get("settings", {})
    if not isinstance(given, dict):
        problems.append(
            Problem(f"{inside}settings", "is not a table", "write [settings] and a line for each")
        )
        given = {}
    settings, wrong = read_settings(cast("Mapping[str, object]", given), Settings())
    problems += [Problem(f"{inside}settings.{p.where}", p.what, p.fix) for p in wrong]
    raise_all(RecipeError, problems)
    return Recipe(name, title, source, settings)
