"""The stand-alone script of a bundle, put together from its parts among the templates."""

from __future__ import annotations

import ast
from importlib.resources import files

PARTS = ("run_lava.py", "reading.py", "encoding.py", "wiring.py")  # the first opens the file and ends it


def run_script() -> bytes:
    """Join the parts into one file: the imports of all, the others' bodies, then the first one's.

    What the parts import from each other is left out.
    """
    folder = files("msc.backends.lava").joinpath("templates")
    texts = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in PARTS}
    first, *others = texts.values()
    docstring = ast.get_source_segment(first, ast.parse(first).body[0])
    bodies = [_body(text) for text in (*others, first)]
    return "\n".join([f"{docstring}\n", _imports(tuple(texts.values())), "\n\n".join(bodies)]).encode()


def _imports(texts: tuple[str, ...]) -> str:
    """Collect the imports of all parts, in the usual order: the future, the standard library, others."""
    found = {ast.unparse(node) for text in texts for node in _outer_imports(text)}

    def place(line: str) -> tuple[int, bool, str]:
        return (0 if "__future__" in line else 2 if "numpy" in line else 1), line.startswith("from"), line

    groups: dict[int, list[str]] = {}
    for line in sorted(found, key=place):
        groups.setdefault(place(line)[0], []).append(line)
    return "\n\n".join("\n".join(lines) for lines in groups.values()) + "\n"


def _outer_imports(text: str) -> list[ast.stmt]:
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return [node for node in nodes if not (isinstance(node, ast.ImportFrom) and node.level)]


def _body(text: str) -> str:
    """Cut a part's text behind its docstring and imports."""
    statements = ast.parse(text).body
    last = max(n for n, node in enumerate(statements) if isinstance(node, ast.Import | ast.ImportFrom))
    end = statements[last].end_lineno
    return "\n".join(text.splitlines()[end:]).strip() + "\n"
