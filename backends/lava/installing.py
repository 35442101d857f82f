"""Builds the environment in which Lava runs: whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msc.backends.lava.environments import (
    LAVA,
    LAVA_DL,
    LAVA_DL_VERSION,
    LAVA_VERSION,
    environment_folder,
    fits,
    installed_in,
    probe,
    python_of,
)
from msc.backends.lava.processes import Ended, Run, supervised
from msc.ir.errors import MscError

PARTS = ("lava", "lava-dl")
# lava-nc 0.10.0 pins older ones, without wheels for Python 3.11; it was measured with these.
DEPENDENCIES = (
    "numpy>=1.26,<2.5",
    "scipy>=1.11,<1.18",
    "networkx>=3,<4",
    "asteval>=1,<2",
    "scikit-learn>=1.5,<2",
)
STEP_SECONDS = 1800.0  # a slow line may take minutes for the 75 MB
_AGAIN = "then run the same command again"
_WAIT_SECONDS = 0.2
_NEWS = ("Collecting ", "Downloading ", "Installing collected packages")
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ProxyError|Max retries|"
    r"Network is unreachable|Connection refused"
)
_NO_SPACE = "No space left on device"


class InstallError(MscError):
    """The environment cannot be built."""


Tell = Callable[[str], None]


@dataclass(frozen=True)
class _Builder:
    """Runs the steps of building one environment, telling how far it is."""

    run: Run
    folder: Path
    tell: Tell

    def step(self, what: str, command: Sequence[str | Path]) -> None:
        self.tell(what)
        self._check(what, self.run.call(command, STEP_SECONDS, on_line=self._news))

    def pip(self, what: str, *arguments: str) -> None:
        options = (
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "--no-warn-script-location",
        )
        self.step(what, [python_of(self.folder), "-I", "-u", "-m", "pip", "install", *options, *arguments])

    def _news(self, line: str) -> None:
        if line.lstrip().startswith(_NEWS):
            self.tell(line.strip()[:76])

    def _check(self, what: str, ended: Ended) -> None:
        if ended.code == 0:
            return
        if ended.code is None:
            raise InstallError.of(
                what, f"took longer than {STEP_SECONDS:g} s", f"check the network, {_AGAIN}"
            )
        said = ended.stdout + ended.stderr
        if _NO_SPACE in said:
            raise InstallError.of(what, "the disk is full", f"free 400 MB, {_AGAIN}")
        if _NO_NETWORK.search(said):
            reason = "the package index cannot be reached"
            raise InstallError.of(
                what, f"{reason} ({_words(ended)})", f"check the network and pip's settings, {_AGAIN}"
            )
        raise InstallError.of(what, f"failed: {_words(ended)}", f"mend that, {_AGAIN}")


def install(parts: Sequence[str], tell: Tell) -> str:
    """Install `lava`, `lava-dl` or both into msc's environment; returns a sentence that says what came of it.

    The environment is built beside its place and takes its name when it has been tried: an interrupt or a
    failure leaves the one that was there, and of two processes the second waits. `tell` hears each step.
    Raises InstallError with the last words of what failed.
    """
    final = environment_folder()
    wanted = {LAVA, *([LAVA_DL] if "lava-dl" in parts else [])}
    with _explained(final), _alone(final, tell):
        wanted |= set(installed_in(final))
        found = _working(final)
        if wanted <= set(found):
            told = ", ".join(f"{name} {found[name]}" for name in sorted(wanted, reverse=True))
            return f"installed already in {final}: {told}"
        _build(final, wanted, found, tell)
    return f"installed in {final}: {', '.join(sorted(wanted - set(found), reverse=True))}"


def _build(final: Path, wanted: set[str], found: dict[str, str], tell: Tell) -> None:
    """Build the environment under another name, from the one there is if that works, and give it its name."""
    staging, replaced = _sibling(final), _sibling(final)
    with supervised(staging, replaced) as run:
        builder = _Builder(run, staging, tell)
        if LAVA in found:
            # Links, not copies: pip replaces files, it does not write into them.
            shutil.copytree(final, staging, symlinks=True, copy_function=_link)
        else:
            builder.step("making a Python environment", [sys.executable, "-I", "-m", "venv", staging])
            builder.pip("installing what lava-nc needs (75 MB)", *DEPENDENCIES)
            # Its metadata asks for Python 3.10; the bundle's script mends what breaks on later ones.
            builder.pip(
                f"installing lava-nc {LAVA_VERSION}",
                "--no-deps",
                "--ignore-requires-python",
                f"{LAVA}=={LAVA_VERSION}",
            )
        if LAVA_DL in wanted - set(found):
            # Without its dependencies: they pull in torch, which reading .net files does not need.
            what = f"installing lava-dl {LAVA_DL_VERSION} (70 MB)"
            builder.pip(what, "--no-deps", "--ignore-requires-python", f"{LAVA_DL}=={LAVA_DL_VERSION}")
            builder.pip("installing h5py", "h5py>=3.10")
        tell("trying it")
        versions, why = probe(python_of(staging))
        if why or not wanted <= set(versions):
            raise InstallError.of(
                "the new environment", why or "is not complete", "report this: it should not happen"
            )
        _put(staging, final, replaced)


def _working(environment: Path) -> dict[str, str]:
    """What is installed in an environment that runs; nothing where it does not."""
    found = installed_in(environment)
    if LAVA not in found or not fits(found[LAVA]):
        return {}
    return {} if probe(python_of(environment))[1] else found


def _put(staging: Path, final: Path, replaced: Path) -> None:
    """Rename the new environment into place; the old one comes back where that fails."""
    if final.exists():
        os.rename(final, replaced)
    try:
        os.rename(staging, final)
    except BaseException:
        if replaced.exists() and not final.exists():
            os.rename(replaced, final)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def _alone(final: Path, tell: Tell) -> Generator[None]:
    """Hold the lock of the folder of environments; it goes with the process, however that ends."""
    final.parent.mkdir(parents=True, exist_ok=True)
    waiting = False
    with (final.parent / ".lava-install.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    tell("another msc is installing; waiting for it")
                waiting = True
                time.sleep(_WAIT_SECONDS)
        for left in final.parent.glob(".lava-*.tmp"):  # of a machine that was switched off
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def _explained(final: Path) -> Generator[None]:
    """Turn the OSErrors of our own writing into an error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InstallError.of(
            str(final),
            f"cannot be written ({reason})",
            "free some space, or set MSC_CACHE to a folder that can be written",
        ) from error


def _sibling(final: Path) -> Path:
    return final.parent / f".lava-{secrets.token_hex(8)}.tmp"


def _link(source: str, target: str) -> None:
    """Link a file, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _words(ended: Ended) -> str:
    """What pip says is wrong: its lines that begin with ERROR, else its last words."""
    errors = [
        line.removeprefix("ERROR: ") for line in ended.stderr.splitlines() if line.startswith("ERROR: ")
    ]
    return " ".join(errors)[:300] or ended.last_words


__all__ = ["PARTS", "InstallError", "install"]
