"""Runs other people's programs so that they end in time and leave no process, file or shared memory."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from msc.backends.lava import cleaning

_POLL_SECONDS = 0.2
_TAIL_BYTES = 1 << 16
_WORDS = 300
# The name of a socket has 107 bytes (unix(7)); multiprocessing and we add 47 to the folder's.
_LONGEST_PLACE, _SHORT_PLACE = 60, "/tmp"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, None at the time limit; the last of what it wrote."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last line that says something, of stderr if there is one."""
        lines = [line.strip() for text in (self.stdout, self.stderr) for line in text.splitlines()]
        return next((line for line in reversed(lines) if line), "nothing")[:_WORDS]

    @property
    def ending(self) -> str:
        """Say how it ended, for a program that should have ended otherwise."""
        assert self.code is not None
        names = {-number: f"was ended by {number.name}" for number in signal.Signals}
        how = names.get(self.code, f"ended with code {self.code}")
        return f"{how} (its last words: {self.last_words})"


@dataclass(frozen=True)
class Run:
    """A place for programs: a private folder, and a token that everything they start carries."""

    token: str
    folder: Path

    @property
    def segment_prefix(self) -> str:
        """What shared-memory segments must be called for `supervised` to remove them."""
        return cleaning.segment_prefix(self.token)

    def call(
        self,
        command: Sequence[str | Path],
        seconds: float,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Ended:
        """Run a program in the folder; whatever it has started is killed when it ends or when time is up.

        What it writes goes to files; `on_line` is told the lines of its stdout meanwhile. Temporary files
        land in the folder. Raises OSError where the program cannot be started.
        """
        temporary = self.folder / "t"
        temporary.mkdir(exist_ok=True)
        outputs = [self.folder / name for name in ("stdout.log", "stderr.log")]
        with outputs[0].open("wb") as stdout, outputs[1].open("wb") as stderr:
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is ours to handle; the whole group can be killed
                env=_environment(self.token, temporary, environment or {}),
            )
            try:
                code = _wait(process, seconds, _follow(outputs[0], on_line))
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                cleaning.end_processes(self.token)
                process.wait()
        return Ended(code, *map(_tail, outputs))


@contextmanager
def supervised(*folders: Path) -> Generator[Run]:
    """Give programs a place; on leaving it, however, nothing of what they did there is left.

    That is: no process, no shared memory named with the run's prefix, nothing in its folder nor in `folders`,
    which the caller fills (and may rename: what has another name stays). A guarding process does it where
    this one dies without a chance to, by SIGKILL.
    """
    token = new_token()
    # The guard may be faster than we are at removing the folder.
    with tempfile.TemporaryDirectory(prefix="msc-", dir=_place(), ignore_cleanup_errors=True) as folder:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", cleaning.__file__, token, folder, *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        assert guard.stdin is not None
        try:
            yield Run(token, Path(folder))
        finally:
            cleaning.clean(token)
            guard.stdin.close()
            guard.wait()


def _place() -> str | None:
    """Choose where folders go: as ever (None), or where the names of sockets stay short enough."""
    short = len(tempfile.gettempdir()) <= _LONGEST_PLACE
    return None if short or not os.access(_SHORT_PLACE, os.W_OK) else _SHORT_PLACE


def new_token() -> str:
    """Draw what the processes and the shared memory of one run are known by."""
    return secrets.token_hex(8)


def _environment(token: str, temporary: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would lead another Python to our library."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return {
        **kept,
        **dict.fromkeys(_ONE_THREAD, "1"),
        "TMPDIR": str(temporary),
        cleaning.VARIABLE: token,
        **changes,
    }


def _wait(process: subprocess.Popen[bytes], seconds: float, tell: Callable[[], None]) -> int | None:
    """Wait for a process, telling what it says; None where it takes longer."""
    limit = time.monotonic() + seconds
    while True:
        try:
            code = process.wait(max(0.0, min(_POLL_SECONDS, limit - time.monotonic())))
        except subprocess.TimeoutExpired:
            tell()
            if time.monotonic() >= limit:
                return None
        else:
            tell()
            return code


def _follow(path: Path, on_line: Callable[[str], None] | None) -> Callable[[], None]:
    """Make what tells the whole lines that a file has got since the last time."""
    if on_line is None:
        return lambda: None
    read = 0

    def tell() -> None:
        nonlocal read
        with path.open("rb") as file:
            file.seek(read)
            text, newline, _ = file.read().rpartition(b"\n")
        read += len(text) + len(newline)
        for line in text.decode(errors="replace").splitlines():
            on_line(line)

    return tell


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")
