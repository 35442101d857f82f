"""What importing msc costs: numpy and networkx for the core, nothing heavy for the command line's help."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "nir", "h5py", "sklearn", "scipy", "rich", "msgspec", "safetensors", "pandas", "matplotlib")


def imported_by(code: str) -> set[str]:
    """Run code in a new process; returns the packages it imported, the standard library's left out."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nimport json\n" + (
        "print(json.dumps(sorted({n.split('.')[0] for n in set(sys.modules) - before})))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout)) - set(sys.stdlib_module_names)


def walk(package: str, without: str = "") -> str:
    """Code that imports every module of a package, but those below `without`."""
    return (
        "import importlib, pkgutil\n"
        f"package = importlib.import_module({package!r})\n"
        "for info in pkgutil.walk_packages(package.__path__, package.__name__ + '.', onerror=print):\n"
        f"    if not info.name.startswith({without!r} or ' '): importlib.import_module(info.name)\n"
    )


@pytest.mark.parametrize("package", ["msc.ir", "msc.compiler"])
def test_the_core_needs_numpy_and_networkx_only(package: str) -> None:
    found = imported_by(walk(package, "msc.compiler.cli"))
    assert not found & set(HEAVY)
    assert {name for name in found if not name.startswith("_")} <= {"msc", "numpy", "networkx", "typer"}
    assert "numpy" in found


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['msc', '--help']\n"
        "import contextlib, io\n"
        "from msc.compiler.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    )
    assert not imported_by(code) & {"numpy", "networkx", *HEAVY}


def test_importing_msc_prints_nothing() -> None:
    code = walk("msc.ir") + walk("msc.compiler")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
