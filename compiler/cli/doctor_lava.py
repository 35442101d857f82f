"""What `msc doctor` says of Lava, which may live in a Python of its own, and how it installs it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msc.compiler.cli import output
from msc.compiler.cli.doctor_packages import Part, fits

if TYPE_CHECKING:
    from msc.backends.lava.environments import Place

_NC, _DL = "lava-nc", "lava-dl"
_ENABLES = {_NC: "verify/run --on lava", _DL: "reading the .net files of target lava"}
_WANTED = {_NC: ">=0.10,<0.11", _DL: ">=0.6,<0.7"}


def lava_parts() -> tuple[Part, ...]:
    """Look for Lava's distributions in the places that may have them, without importing Lava here."""
    from msc.backends.lava.environments import places

    looked_at = places()
    chosen = next((place for place in looked_at if place.python is not None), looked_at[-1])
    return tuple(_part(name, chosen) for name in (_NC, _DL))


def install(parts: Sequence[str]) -> str:
    """Install what `--install` names; returns a sentence that says what came of it."""
    from msc.backends.lava.environments import VARIABLE
    from msc.backends.lava.installing import PARTS
    from msc.backends.lava.installing import install as install_lava
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.interruption import interruptible
    from msc.ir.errors import Problem, raise_all

    unknown = [name for name in parts if name not in PARTS]
    raise_all(
        UsageError,
        [
            Problem(
                f"--install {name}", "is nothing that doctor installs", f"choose from: {', '.join(PARTS)}"
            )
            for name in unknown
        ],
    )
    with interruptible(lambda: output.note("interrupted")), output.progress("installing") as progress:
        told = install_lava(parts, progress)
    if os.environ.get(VARIABLE):
        output.note(f"{VARIABLE} is set: what it names is used, not this")
    return told


def _part(name: str, place: Place) -> Part:
    found = place.versions.get(name)
    if found is None:
        state = "missing"
    elif not fits(found, _WANTED[name]):
        state = f"needs {_WANTED[name]}"
    else:
        state = "ok" if place.python is not None else "broken"
    return Part(
        name=name,
        found=found,
        wanted=_WANTED[name],
        required=False,
        enables=_ENABLES[name],
        state=state,
        install=_command(name, place),
        where=f"{place.name} {place.why}".strip(),
    )


def _command(name: str, place: Place) -> str:
    """The command that installs a part where the chosen place is: others' Pythons are not ours to build."""
    from msc.backends.lava.environments import LAVA_DL_VERSION, VARIABLE, environment_folder, python_of

    if place.python is None and place.name.startswith(VARIABLE):
        return f"unset {VARIABLE}; msc doctor --install lava"
    if name == _NC or place.python in (None, python_of(environment_folder())):
        return f"msc doctor --install {'lava' if name == _NC else 'lava-dl'}"
    pip = f"{shlex.quote(str(place.python))} -m pip install --no-deps"
    return f"{pip} lava-dl=={LAVA_DL_VERSION} h5py"
