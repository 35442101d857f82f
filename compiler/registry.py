"""Discovery of parts by file name: one new file in a package is one new part."""

from __future__ import annotations

import importlib
import pkgutil


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
