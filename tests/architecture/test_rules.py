"""The rules every module keeps: which way imports point, how long things are, which errors are raised."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.modules import LAYERS, ROOT, Module, modules

MODULES = modules()
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative)


def test_modules_are_found_in_every_layer() -> None:
    assert {module.layer for module in MODULES} == set(LAYERS)


@each_module
def test_imports_point_one_way(module: Module) -> None:
    """search -> backends -> compiler -> ir; only compiler/cli imports upward, and only inside functions."""
    rank = LAYERS.index(module.layer)
    wrong = [
        f"{module.relative}:{line} imports {name}"
        for name, at_import, line in module.imports()
        if name.startswith("msc.")
        and LAYERS.index(name.split(".")[1]) > rank
        and not (module.in_cli and not at_import)
    ]
    assert not wrong


@each_module
def test_only_the_command_line_knows_the_command_line(module: Module) -> None:
    if module.in_cli:
        return
    assert not [name for name, _, _ in module.imports() if name.startswith("msc.compiler.cli")]


@each_module
def test_modules_are_imported_by_their_full_names(module: Module) -> None:
    """`import ir` works in the repository's root, and makes a second copy of every class."""
    assert not [name for name, _, _ in module.imports() if name.split(".")[0] in LAYERS]


@each_module
def test_module_opens_with_one_sentence(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, f"{module.relative} has no docstring"
    first = docstring.splitlines()[0]
    assert re.fullmatch(r"\S.{8,}[^.][.]", first), f"{module.relative}: {first!r} is no sentence on one line"


@each_module
def test_module_is_short(module: Module) -> None:
    assert len(module.text.splitlines()) < MAX_MODULE_LINES


@each_module
def test_functions_are_short(module: Module) -> None:
    """All lines count, signature and comments too, but for the docstring's: what is explained may be long."""
    long = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                assert node.body[0].end_lineno is not None
                length -= node.body[0].end_lineno - node.body[0].lineno + 1
            if length >= MAX_FUNCTION_LINES:
                long.append(f"{node.name}: {length} lines")
    assert not long


@each_module
def test_errors_are_neither_swallowed_nor_vague(module: Module) -> None:
    wrong = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node):
            wrong.append(f"line {node.lineno}: catches everything and goes on")
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = ast.unparse(node.exc).split("(")[0]
            if raised in ("Exception", "BaseException"):
                wrong.append(f"line {node.lineno}: raises {raised}")
    assert not wrong


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    """`except`, `except Exception`; `except BaseException` is fine where it ends in a bare `raise`."""
    caught = "" if handler.type is None else ast.unparse(handler.type)
    names = set(re.findall(r"\w+", caught))
    if "Exception" in names:
        return True
    last = handler.body[-1]
    raises_again = isinstance(last, ast.Raise) and last.exc is None
    return (not names or "BaseException" in names) and not raises_again


@each_module
def test_nothing_is_pickled(module: Module) -> None:
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    assert not [name for name, _, _ in module.imports() if name.split(".")[0] in forbidden]
    calls = [ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    assert not [call for call in calls if "allow_pickle=True" in call or call.startswith("torch.load(")]


def test_every_package_is_installed() -> None:
    """A package that pyproject.toml does not name is missing from a wheel, and nowhere else."""
    named = set(PYPROJECT["tool"]["setuptools"]["packages"])
    found = {module.name for module in MODULES if module.path.stem == "__init__"}
    assert named == found


def test_every_data_file_is_installed() -> None:
    """What is no module of a package must match a pattern of package-data, or it is missing from a wheel."""
    data = PYPROJECT["tool"]["setuptools"].get("package-data", {})
    covered = {
        path
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / package.removeprefix("msc.").replace(".", "/")).glob(pattern)
    }
    found = {
        path
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert not found - covered - {module.path for module in MODULES}


def test_what_is_imported_is_declared() -> None:
    project = PYPROJECT["project"]
    declared = _names(project["dependencies"])
    declared |= {n for extra in project["optional-dependencies"].values() for n in _names(extra)}
    providers = packages_distributions()
    missing = set()
    for module in MODULES:
        for name, _, line in module.imports():
            top = name.split(".")[0]
            if top in ("msc", "__future__") or top in sys.stdlib_module_names:
                continue
            known = {_normal(n) for n in providers.get(top, [top])}
            if not known & declared:
                missing.add(f"{module.relative}:{line} {top}")
    assert not missing


def test_what_is_declared_is_imported() -> None:
    """A dependency nobody imports is only a risk."""
    declared = _names(PYPROJECT["project"]["dependencies"])
    declared |= _names(PYPROJECT["project"]["optional-dependencies"]["simulators"])
    providers = packages_distributions()
    imported = {
        _normal(n)
        for module in MODULES
        for name, _, _ in module.imports()
        for n in providers.get(name.split(".")[0], [name.split(".")[0]])
    }
    imported.add("safetensors")  # by the network.py that target pytorch writes
    assert not declared - imported


def test_no_path_of_one_machine_is_named() -> None:
    """Absolute paths of a developer's machine have no place in the project."""
    pattern = re.compile(r"/(?:home|root|Users|work|opt)/\w")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line) and path != Path(__file__).resolve()
    ]
    assert not wrong


def _texts() -> list[Path]:
    folders = [ROOT / name for name in (*LAYERS, "tests", "docs", "examples", "benchmarks", ".ci")]
    files = [p for folder in folders if folder.is_dir() for p in folder.rglob("*") if p.is_file()]
    named = {".py", ".md", ".json", ".toml", ".yaml", ".txt", ""}
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *(p for p in files if p.suffix in named)]


def _names(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[\[<>=!~; ]", text)[0]) for text in requirements}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
