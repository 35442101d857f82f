"""Reads a NIR file as untrusted data, by a process of its own that can be stopped.

Tried by hand with HDF5 2.0.0 on 14,600 real files with some bytes changed at random: about 120 kept it in a
loop without end, one crashed it. So HDF5 runs in `msc.backends.nir.reading.hdf5.worker`, with limits on its
time, on its memory and on what it may open, and hands over what it found as messages.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from msc.backends.nir.reading.hdf5 import limits
from msc.backends.nir.reading.hdf5.rebuilding import Rebuilder
from msc.backends.nir.reading.hdf5.structure import Structure
from msc.backends.nir.reading.hdf5.wire import BrokenMessageError
from msc.backends.nir.reading.raw import RawGraph
from msc.ir.errors import MscError, Problem
from msc.ir.files import FileError, open_limited

_WORKER = "msc.backends.nir.reading.hdf5.worker"
_MAGIC = b"\x89HDF\r\n\x1a\n"
_LARGEST_BYTES = 1 << 40
_WORDS_BYTES = 1 << 16
_DAMAGED_FIX = "get the file anew: it is damaged, or made so"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class NirFileError(MscError):
    """A file that is no readable NIR file."""


def read_raw(path: str | os.PathLike[str]) -> RawGraph:
    """Read a NIR file, whoever wrote it; raises NirFileError with every offender.

    Numbers keep their type, in this machine's byte order; arrays of texts hold str objects. All arrays are
    read-only; one whose values are all equal, to the bit, is a view of stride 0 on one value. Attributes, and
    what lies beside the group `node` (the version of nir, which changed no meaning so far), are not read.
    """
    where = os.fspath(path)
    read = _read(where, _checked(where))
    structure = Structure()
    graph = structure.root(read.tree, f"{where}, /node") if read.complete else None
    problems = [*read.problems, *structure.problems]
    if problems or graph is None:
        raise NirFileError(_first(problems, where))
    return graph


def _first(problems: Sequence[Problem], where: str) -> list[Problem]:
    """Cut the list where it gets longer than anyone reads."""
    if len(problems) < limits.PROBLEMS:
        return list(problems)
    more = Problem(where, f"may have more problems than these {limits.PROBLEMS}", "mend them first")
    return [*problems[: limits.PROBLEMS], more]


def _checked(where: str) -> int:
    """Return the size of a regular file that can be read and starts as HDF5 does."""
    with suppress(OSError, ValueError):  # open_limited says why
        mode = os.stat(where).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise NirFileError.of(where, "is a device or a pipe", "save what it gives to a file first")
    try:
        with open_limited(where, _LARGEST_BYTES, "NIR file") as (file, size):
            _check_magic(where, file, size)
    except FileError as error:
        raise NirFileError(error.problems) from error
    return size


def _check_magic(where: str, file: IO[bytes], size: int) -> None:
    """Look for HDF5's signature, at 0 or, where others put a header before it, at 512, 1024, 2048, ..."""
    if size == 0:
        raise NirFileError.of(where, "is empty", "give a NIR file")
    place = 0
    while place < size:
        file.seek(place)
        if file.read(len(_MAGIC)) == _MAGIC:
            return
        place = max(512, 2 * place)
    raise NirFileError.of(where, "is no HDF5 file, as NIR files are", "give a NIR file")


def _read(where: str, file_bytes: int) -> Rebuilder:
    """Let a process read the file; raises NirFileError where it does not get to an end by itself."""
    rebuilder = Rebuilder(where)
    with _process(where, file_bytes) as process:
        assert process.stdout is not None
        try:
            while not rebuilder.ended:
                rebuilder.take(process.stdout)
        except BrokenMessageError:
            process.stdout.close()  # what still writes into it ends
            what = _ending(process, file_bytes)
            raise NirFileError([*rebuilder.problems, Problem(rebuilder.place, what, _DAMAGED_FIX)]) from None
    return rebuilder


@contextmanager
def _process(where: str, file_bytes: int) -> Generator[subprocess.Popen[bytes]]:
    """Start the reading process; however the context is left, it is gone then."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HDF5_")}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", _WORKER, os.path.abspath(where), str(file_bytes)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle
        env={**kept, **dict.fromkeys(_ONE_THREAD, "1"), "HDF5_PLUGIN_PRELOAD": "::"},  # "::": no plugins
    ) as process:
        timer = threading.Timer(limits.wall_seconds(file_bytes), process.kill)
        try:
            timer.start()
            yield process
        finally:
            timer.cancel()
            process.kill()


def _ending(process: subprocess.Popen[bytes], file_bytes: int) -> str:
    """Say how the reading process ended that should have read the whole file."""
    assert process.stderr is not None
    code = process.wait()
    if code < 0:
        match signal.Signals(-code):
            case signal.SIGPROF:
                return f"keeps HDF5 busy for more than {limits.STEP_SECONDS} s"
            case signal.SIGXCPU:
                return f"takes more than {limits.cpu_seconds(file_bytes)} s to read"
            case signal.SIGKILL:
                return (
                    f"cannot be read within {limits.wall_seconds(file_bytes):.0f} s and the memory there is"
                )
            case other:
                return f"breaks the HDF5 library ({other.name})"
    lines = process.stderr.read(_WORDS_BYTES).decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    return f"cannot be read (the reading process ended with code {code}; its last words: {last[:300]})"
