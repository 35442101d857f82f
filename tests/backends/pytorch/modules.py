"""Imports generated modules as their users do, and knows how to call them."""

from __future__ import annotations

import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from msc.backends.pytorch.target import TARGET
from msc.ir.network import Model, Network
from msc.ir.neurons import InputKind, Source


def written(model: Model, folder: Path) -> Path:
    """Write a model's artefact into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in TARGET.emit(model, {}).files.items():
        (folder / name).write_bytes(data)
    return folder


def imported(model: Model, folder: Path) -> nn.Module:
    """Write the artefact, import its network.py under a name of its own, and load it."""
    path = written(model, folder) / "network.py"
    name = f"network_{sha256(str(path).encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # where torch.compile looks for the module's globals
    spec.loader.exec_module(module)
    return module.load()


def is_static(network: Network) -> bool:
    source = network.source.neuron
    assert isinstance(source, Source)
    return source.kind is InputKind.STATIC


def arguments(network: Network, inputs: Any, steps: int) -> tuple[Any, ...]:
    """What `forward` takes: the input, and for how many steps a static frame is shown."""
    x = torch.as_tensor(inputs)
    return (x, steps) if is_static(network) else (x,)


def stepped(
    module: Any, network: Network, x: Tensor, steps: int, state: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Run `step` in a loop; returns the outputs, [T, B, ...], and the last state."""
    outputs: list[Tensor] = []
    for t in range(steps):
        output, state = module.step(x if is_static(network) else x[t], state)
        outputs.append(output)
    assert state is not None
    return torch.stack(outputs), state
