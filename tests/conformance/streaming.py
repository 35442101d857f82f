"""Artefacts advanced one step at a time, with nothing kept but their state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.float32]
Step = Callable[[Frame], NDArray[Any]]


def onnx_stepper(files: Mapping[str, bytes], batch: int) -> Step:
    """Feed every state of a streaming ONNX model back, from zeros."""
    from msc.backends.simulators.onnx import open_session

    session = open_session(files["network.onnx"])
    first, *states = session.get_inputs()
    state = {item.name: np.zeros((batch, *item.shape[1:]), np.float32) for item in states}

    def step(frame: Frame) -> NDArray[Any]:
        nonlocal state
        output, *following = session.run(None, {first.name: frame, **state})
        state = dict(zip(state, following, strict=True))
        return output

    return step


def module_stepper(files: Mapping[str, bytes]) -> Step:
    """Call `step` of a stand-alone module, from no state."""
    import torch

    from msc.backends.pytorch.artefact import open_artefact

    module: Any = open_artefact(files)
    state: Any = None

    def step(frame: Frame) -> NDArray[Any]:
        nonlocal state
        with torch.inference_mode():
            output, state = module.step(torch.from_numpy(frame), state)
        return output.numpy()

    return step


def frames(shape: tuple[int, ...], batch: int, steps: int) -> Iterator[Frame]:
    """Draw events, one frame at a time, the same in every call."""
    rng = np.random.default_rng(0)
    return ((rng.random((batch, *shape)) < 0.3).astype(np.float32) for _ in range(steps))


def resident_mb() -> float:
    """The memory that this process has in RAM now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
