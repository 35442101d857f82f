"""Finds the project's modules and parses them, for the tests of the rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = ("ir", "compiler", "backends", "search")
CLI = "msc.compiler.cli"


@dataclass(frozen=True)
class Module:
    """One source file under its import name."""

    path: Path

    @property
    def relative(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(("msc", *(parts[:-1] if parts[-1] == "__init__" else parts)))

    @property
    def layer(self) -> str:
        return self.name.split(".")[1]

    @property
    def in_cli(self) -> bool:
        return self.name == CLI or self.name.startswith(CLI + ".")

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def imports(self) -> Iterator[tuple[str, bool, int]]:
        """List every import: the full name, whether it runs when the module is imported, and its line.

        What only a type checker reads (under `if TYPE_CHECKING`) is left out.
        """
        yield from self._imports(self.tree, True)

    def _imports(self, parent: ast.AST, at_import: bool) -> Iterator[tuple[str, bool, int]]:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Import):
                yield from ((alias.name, at_import, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield self._absolute(node), at_import, node.lineno
            elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                in_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from self._imports(node, at_import and not in_function)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.stem == "__init__" else self.name.split(".")[:-1]
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


def modules() -> list[Module]:
    """List the modules of the four layers; what lies in a folder that is no package is data."""
    return [
        Module(path)
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*.py"))
        if (path.parent / "__init__.py").exists()
    ]
