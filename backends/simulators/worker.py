"""The process in which someone else's simulator runs NIR files: JSON lines in and out, arrays in files."""

from __future__ import annotations

import importlib
import json
import keyword
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.shown import shown_populations
from msc.backends.simulators.contracts import NirSimulator

_POLL_SECONDS = 0.5
# What simulators raise where they refuse a network; anything else ends the process, which is told.
REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main(module: str, threads: int) -> None:
    """Serve requests from stdin until it closes; ends when the parent process does, whatever runs then."""
    replies = _claim_stdout()
    _end_with_parent(os.getppid())
    simulator = cast(NirSimulator, importlib.import_module(module).SIMULATOR)
    for name in simulator.requirements.modules:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(threads)
    _reply(replies, {"ready": True})
    for line in sys.stdin:
        _reply(replies, _serve(simulator, json.loads(line)))


def _claim_stdout() -> TextIO:
    """Keep the real stdout for replies; whatever libraries print goes to stderr."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _end_with_parent(parent: int) -> None:
    """Watch, in a thread, whether the parent still lives, so that a hanging simulator leaves no orphan."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _reply(replies: TextIO, message: Mapping[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _serve(simulator: NirSimulator, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one file; the reply is {"populations": names in the order of the arrays} or {"cannot": why}."""
    import nir

    frames = np.load(request["frames"])
    try:
        graph = nir.read(request["graph"], type_check=False)  # the check adds outputs, and msc's own is done
        reason = unfit(graph) or simulator.cannot(graph)
        if reason is not None:
            return {"cannot": reason}
        spikes = run_graph(simulator, graph, frames, request["timesteps"])
    except REFUSALS as error:
        text = " ".join(str(error).split())
        return {"cannot": f"{type(error).__name__}: {text}"[:500]}
    arrays: dict[str, Any] = {f"array{i}": array for i, array in enumerate(spikes.values())}
    np.savez(request["spikes"], **arrays)
    return {"populations": list(spikes)}


def unfit(graph: Any) -> str | None:
    """Say why NIRTorch, under all these simulators, would hang or mix up nodes; None where it would not."""
    outputs = [name for name, node in graph.nodes.items() if type(node).__name__ == "Output"]
    if len(outputs) != 1:
        return f"{len(outputs)} Output nodes: NIRTorch needs one"
    modules: dict[str, str] = {}
    for name in graph.nodes:
        other = modules.setdefault(_module_name(name), name)
        if other != name:
            return f"{other} and {name}: NIRTorch gives both nodes one name"
    return None


def run_graph(
    simulator: NirSimulator, graph: Any, frames: NDArray[Any], timesteps: int
) -> dict[str, NDArray[Any]]:
    """Run a graph for all steps; returns the values of every population it shows, [T, B, *shape].

    Populations are named as `msc.backends.nir.reading` names them. `frames` is [1, B, *shape] where one
    frame repeats, else [T, B, *shape]. Values that are all 0 or 1 are uint8.
    """
    import torch

    neurons, output = shown_populations(graph)
    torch.manual_seed(0)
    module = simulator.load(graph)
    recorded: dict[str, list[Any]] = {name: [] for name in neurons.values()}
    for path, population in neurons.items():
        place = ".".join(_module_name(name) for name in path)
        module.get_submodule(place).register_forward_hook(_recorder(recorded[population]))
    outputs: list[Any] = []
    state = None
    # NNPACK's Winograd convolutions round where a plain sum of dyadic numbers is exact.
    with torch.no_grad(), torch.backends.nnpack.flags(enabled=False):
        for t in range(timesteps):
            value, state = module(torch.from_numpy(frames[t if len(frames) > 1 else 0]), state)
            outputs.append(value)
    recorded[output] = outputs
    uneven = [name for name, values in recorded.items() if len(values) != timesteps]
    if uneven:
        raise RuntimeError(f"{uneven[0]} was not computed once per step")
    return {name: _array(values) for name, values in recorded.items()}


def _module_name(node: str) -> str:
    """Spell a node's name as NIRTorch does."""
    name = node.replace(".", "_")
    return f"nir_node_{name}" if keyword.iskeyword(name) else name


def _recorder(values: list[Any]) -> Any:
    def record(_module: Any, _inputs: Any, output: Any) -> None:
        values.append(output[0] if isinstance(output, tuple) else output)

    return record


def _array(values: list[Any]) -> NDArray[Any]:
    array = np.stack([value.detach().numpy() for value in values])
    binary = bool(((array == 0) | (array == 1)).all())
    return array.astype(np.uint8) if binary else array.astype(np.float32)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
