"""Discovery of parts by file name: one new file in a package is one new part."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec

from msc.ir.errors import MscError


class UnknownPartError(MscError):
    """A name that no part answers to."""


def module_names(package_name: str) -> tuple[str, ...]:
    """List the names of the modules and sub-packages in a package, sorted, without importing them."""
    package = importlib.import_module(package_name)
    return tuple(sorted(info.name for info in pkgutil.iter_modules(package.__path__)))


def discover(package_name: str, attribute: str) -> dict[str, object]:
    """Import every module of a package and collect `attribute` where a module has it, by module name.

    Errors raised by those imports pass through: a part that cannot be imported is a bug, not an absence.
    """
    found: dict[str, object] = {}
    for name in module_names(package_name):
        module = importlib.import_module(f"{package_name}.{name}")
        if hasattr(module, attribute):
            found[name] = getattr(module, attribute)
    return found


def folders_with(package_name: str, module: str) -> tuple[str, ...]:
    """List the sub-packages that hold a file named `module`, without importing that file."""
    package = importlib.import_module(package_name)
    folders = [info.name for info in pkgutil.iter_modules(package.__path__) if info.ispkg]
    return tuple(sorted(name for name in folders if find_spec(f"{package_name}.{name}.{module}")))


def choose(kind: str, name: str, known: tuple[str, ...]) -> str:
    """Return `name` if it is known; raises UnknownPartError naming what is."""
    if name not in known:
        raise UnknownPartError.of(f"{kind} {name}", "unknown", f"use one of: {', '.join(known)}")
    return name
