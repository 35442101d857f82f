"""ONNX Runtime, on one thread of the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.onnx import FILE_NAME, INSTALL
from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.ir.network import Network
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.simulate import input_frames

_REQUIREMENTS = Requirements(("onnx", "onnxruntime"), INSTALL)
_AGAIN = "compile the network again"


@dataclass
class OnnxRuntime:
    """Runs `network.onnx` of either mode; a streaming model step by step, from states of zeros."""

    name: str = "onnx"
    target: str = "onnx"
    requirements: Requirements = _REQUIREMENTS
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"record": "all"}))

    def run_files(
        self, files: Mapping[str, bytes], network: Network, inputs: NDArray[Any], timesteps: int | None
    ) -> Mapping[str, NDArray[Any]]:
        """Run the file; returns all that it shows, raises CannotRunError in ONNX Runtime's words."""
        source = network.source.neuron
        assert isinstance(source, Source)
        static = source.kind is InputKind.STATIC
        given = network.timesteps if timesteps is None and static else timesteps
        steps, frames = input_frames(source, inputs, given)
        try:
            session = open_session(files[FILE_NAME])
            shown = _run(session, source, frames.astype(np.float32), steps)
        except _errors() as error:
            what = f"ONNX Runtime does not run the file ({' '.join(str(error).split())})"
            raise CannotRunError.of(FILE_NAME, what, _AGAIN) from error
        if "output" not in shown:
            raise CannotRunError.of(FILE_NAME, "has no output named 'output'", _AGAIN)
        shown[network.output] = shown.pop("output")
        membranes = {p.name for p in network.populations if isinstance(p.neuron, LI)}
        return {name: a if name in membranes else a.astype(np.uint8) for name, a in shown.items()}


def open_session(file: bytes) -> Any:
    """Open a file in ONNX Runtime: on the CPU, one thread, all of its optimisations."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what it would print it also raises
    return onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])


def _run(
    session: Any, source: Source, frames: NDArray[np.float32], steps: int
) -> dict[str, NDArray[np.float32]]:
    """Run a session of either mode over all steps; returns its outputs but for states, [T, B, *shape]."""
    names = [item.name for item in session.get_outputs()]
    first, *rest = session.get_inputs()
    if [item.name for item in rest] == ["timesteps"]:
        values = session.run(None, {first.name: frames, "timesteps": np.array(steps, np.int64)})
        return dict(zip(names, values, strict=True))
    if len(first.shape) == len(source.shape) + 2:
        return dict(zip(names, session.run(None, {first.name: frames}), strict=True))
    static = source.kind is InputKind.STATIC
    batch = frames.shape[0 if static else 1]
    states = {item.name: np.zeros((batch, *item.shape[1:]), np.float32) for item in rest}
    shown = names[: len(names) - len(rest)]
    seen: dict[str, list[NDArray[np.float32]]] = {name: [] for name in shown}
    for t in range(steps):
        values = session.run(None, {first.name: frames if static else frames[t], **states})
        states = dict(zip(states, values[len(shown) :], strict=True))
        for name, value in zip(shown, values, strict=False):
            seen[name].append(value)
    return {name: np.stack(values) for name, values in seen.items()}


def _errors() -> tuple[type[Exception], ...]:
    """List the classes of what ONNX Runtime raises; they have no base of their own."""
    from importlib import import_module

    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")  # of no type checker's knowledge
    kinds = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*kinds, RuntimeError, ValueError)


SIMULATOR = OnnxRuntime()
