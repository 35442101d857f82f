"""Tests of reading that start its process by a fork, in milliseconds."""

from __future__ import annotations

import os
import traceback
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from msc.backends.nir.reading.hdf5 import reader, restrictions, tree


class Forked:
    """Looks as a subprocess.Popen of the reading process does, but starts in milliseconds."""

    def __init__(self, path: str, file_bytes: int) -> None:
        outputs = [os.pipe(), os.pipe()]
        self._pid = os.fork()
        if self._pid == 0:
            _read_and_exit(path, file_bytes, *(writing for _, writing in outputs))
        for _, writing in outputs:
            os.close(writing)
        self.stdout, self.stderr = (os.fdopen(reading, "rb") for reading, _ in outputs)
        self._code: int | None = None

    def wait(self) -> int:
        """Return how it ended."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code


def _read_and_exit(path: str, file_bytes: int, writing: int, errors: int) -> None:
    code = 1
    try:
        os.dup2(errors, 2)
        restrictions.restrict(file_bytes)
        with os.fdopen(writing, "wb") as stream:
            tree.send_tree(stream, path, file_bytes)
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        raise
    finally:
        os._exit(code)


@contextmanager
def forked(where: str, file_bytes: int) -> Generator[Forked]:
    process = Forked(where, file_bytes)
    try:
        yield process
    finally:
        process.stdout.close()
        process.stderr.close()
        process.wait()


@pytest.fixture
def in_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in a fork of this process, which has imported everything; all else is as ever."""
    monkeypatch.setattr(reader, "_process", forked)
