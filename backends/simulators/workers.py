"""Worker processes, one per simulator, kept for many files, with a time limit per file."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.simulators.contracts import CannotRunError, NirSimulator

START_SECONDS = 180.0  # importing torch and a simulator on a busy machine


class _StoppedError(Exception):
    """The worker gave no answer; the text says why."""


class _Worker:
    """One process of one simulator."""

    def __init__(self, simulator: NirSimulator, threads: int, folder: Path) -> None:
        module = type(simulator).__module__
        self._errors = (folder / f"{simulator.name}.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "msc.backends.simulators.worker", module, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to handle; the whole group can be killed
            env={**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": str(threads)},
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self._ready = False

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and wait for the reply; raises _StoppedError on a hang or a crash."""
        if not self._ready:
            self._receive(START_SECONDS)
            self._ready = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _StoppedError(self._last_words()) from None
        return self._receive(seconds)

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise _StoppedError(f"gave no answer within {seconds:g} s and was stopped") from None
        if line is None:
            raise _StoppedError(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return f"its process ended with code {code}; its last words: {last[:300]}"

    def kill(self) -> None:
        """End the process with everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Workers:
    """A pool with one worker per simulator, started when first needed; use it as a context manager.

    Leaving the context (also by Ctrl-C) kills all workers; they end by themselves if this process dies.
    """

    def __init__(self, seconds: float = 120.0, threads: int = 1) -> None:
        self.seconds = seconds
        self.threads = threads
        self._workers: dict[str, _Worker] = {}
        self._folder: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Workers:
        self._folder = TemporaryDirectory(prefix="msc-workers-")
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.kill()
        self._workers.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def run(
        self, simulator: NirSimulator, graph: bytes, frames: NDArray[np.float32], timesteps: int
    ) -> dict[str, NDArray[Any]]:
        """Run one NIR file; returns each population's values, [T, B, *shape].

        Raises CannotRunError with the simulator's own words, or what became of its process, which is
        started afresh for the next file.
        """
        assert self._folder is not None, "use Workers as a context manager"
        folder = Path(self._folder.name)
        paths = {name: str(folder / name) for name in ("graph.nir", "frames.npy", "spikes.npz")}
        Path(paths["graph.nir"]).write_bytes(graph)
        np.save(paths["frames.npy"], frames)
        request = {
            "graph": paths["graph.nir"],
            "frames": paths["frames.npy"],
            "spikes": paths["spikes.npz"],
            "timesteps": timesteps,
        }
        if simulator.name not in self._workers:
            self._workers[simulator.name] = _Worker(simulator, self.threads, folder)
        try:
            reply = self._workers[simulator.name].ask(request, self.seconds)
        except _StoppedError as stopped:
            self._workers.pop(simulator.name).kill()
            raise CannotRunError.of(simulator.name, str(stopped), "try it alone with --on") from None
        except (
            BaseException
        ):  # Ctrl-C in the middle of a reply: what it still says must not answer the next file
            self._workers.pop(simulator.name).kill()
            raise
        if "cannot" in reply:
            raise CannotRunError.of(simulator.name, reply["cannot"], "run it on another simulator")
        with np.load(paths["spikes.npz"]) as arrays:
            return {name: arrays[f"array{i}"] for i, name in enumerate(reply["populations"])}
